//! `GET /metrics`, for Prometheus: requests by route, the database's connections and the process's memory, with all
//! that Guardrail counts.
//!
//! It is for those who may read it, or, where `METRICS_ADDRESS` is set, for everyone who reaches a listener of its own.
//! Nothing that a client chooses becomes a label: a route is its template or `unmatched`, a method one of nine or
//! `other`.

use std::time::{Duration, Instant};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
    routing::get,
};
use guardrail::{
    policy::{InvalidRule, Rule},
    require,
};
use guardrail_sqlx::Db;
use http::{
    Method,
    header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// The upper bounds of what durations are sorted into, in seconds: a route that only asks the rules takes less than the
/// first, a log-in some hundred milliseconds.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How often the durations since the last time are sorted, however rarely anybody asks: until then each takes room.
const UPKEEP: Duration = Duration::from_secs(5);
/// The route of a request that no route has.
const UNMATCHED: &str = "unmatched";

// ANCHOR: install
/// What counts. Whoever is to be counted has to be made after it is installed.
pub fn recorder() -> Result<PrometheusRecorder, BuildError> {
    Ok(PrometheusBuilder::new().set_buckets(&SECONDS)?.build_recorder())
}

/// Lets everything in this program count from now on.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    let recorder = recorder()?;
    let counts = recorder.handle();
    ::metrics::set_global_recorder(recorder)?;
    Ok(counts)
}

/// Sorts durations, for as long as the program runs.
pub(crate) async fn upkeep(counts: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        counts.run_upkeep();
    }
}
// ANCHOR_END: install

/// The rule to start with.
pub fn rules() -> Result<Vec<Rule>, InvalidRule> {
    Ok(vec![Rule::new("admin", "/metrics", "read")?])
}

/// For those who may read it.
pub fn guarded(scrape: Scrape) -> Router {
    Router::new().route("/metrics", get(read)).with_state(scrape)
}

/// For everyone: to be served where only Prometheus comes.
pub fn open(scrape: Scrape) -> Router {
    Router::new()
        .route("/metrics", get(async |State(scrape): State<Scrape>| scrape.answer()))
        .with_state(scrape)
}

#[require("/metrics", "read")]
async fn read(State(scrape): State<Scrape>) -> Response {
    scrape.answer()
}

/// What has been counted, and what is looked at when somebody asks.
#[derive(Debug, Clone)]
pub struct Scrape {
    counts: PrometheusHandle,
    database: Option<Db>,
}

impl Scrape {
    /// What `counts` has, with the connections to a database.
    pub fn new(counts: PrometheusHandle, database: Option<Db>) -> Self {
        use ::metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

        describe_counter!("http_requests_total", "Answers, by method, route and status");
        describe_histogram!(
            "http_request_duration_seconds",
            Unit::Seconds,
            "How long it took until the head of an answer was there"
        );
        describe_gauge!("database_pool_connections", "Connections to the database");
        describe_gauge!("database_pool_idle_connections", "Connections to the database that nobody uses");
        describe_gauge!("database_pool_max_connections", "How many connections to the database there may be");
        describe_gauge!("process_resident_memory_bytes", Unit::Bytes, "Memory of the process");
        Self { counts, database }
    }

    fn answer(&self) -> Response {
        let headers = [
            (CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (headers, self.text()).into_response()
    }

    /// Prometheus's text format.
    fn text(&self) -> String {
        use ::metrics::gauge;

        if let Some(database) = &self.database {
            let Connections { open, idle, max } = Connections::of(database);
            gauge!("database_pool_connections").set(open);
            gauge!("database_pool_idle_connections").set(idle);
            gauge!("database_pool_max_connections").set(max);
        }
        if let Some(kib) = resident_memory_kib() {
            gauge!("process_resident_memory_bytes").set(f64::from(kib) * 1024.0);
        }
        self.counts.render()
    }
}

/// The connections to a database at the moment.
struct Connections {
    open: u32,
    idle: u32,
    max: u32,
}

impl Connections {
    fn of(database: &Db) -> Self {
        let (open, idle, max) = match database {
            Db::Postgres(pool) => (pool.size(), pool.num_idle(), pool.options().get_max_connections()),
            Db::Sqlite(pool) => (pool.size(), pool.num_idle(), pool.options().get_max_connections()),
            _ => (0, 0, 0),
        };
        Self { open, idle: u32::try_from(idle).unwrap_or(u32::MAX), max }
    }
}

/// The memory of this process, as far as it is in memory and not swapped out; `None` where there is no `/proc`. In
/// `status` it is in KiB, in `statm` in pages of a size that is to be had elsewhere.
fn resident_memory_kib() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Counts every answer. Whoever hangs up before gets none.
pub(crate) async fn count(request: Request, next: Next) -> Response {
    use ::metrics::{counter, histogram};

    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let begun = Instant::now();
    let response = next.run(request).await;
    let took = begun.elapsed();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str).to_owned();
    let status = response.status().as_str().to_owned();
    histogram!("http_request_duration_seconds", "method" => method, "route" => route.clone()).record(took);
    counter!("http_requests_total", "method" => method, "route" => route, "status" => status).increment(1);
    response
}

/// The methods of RFC 9110 §9 and RFC 5789; a client may make up others.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use guardrail_sqlx::SqlStore;

    fn value(text: &str, series: &str) -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    }

    #[test]
    fn a_method_that_somebody_made_up_is_another() {
        for known in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"] {
            assert_eq!(method(&known.parse().unwrap()), known);
        }
        for odd in ["get", "PROPFIND", "X"] {
            assert_eq!(method(&odd.parse().unwrap()), "other", "{odd}");
        }
    }

    #[tokio::test]
    async fn a_scrape_tells_of_connections_and_memory() {
        let recorder = recorder().unwrap();
        let _here = ::metrics::set_default_local_recorder(&recorder);
        let store = SqlStore::connect("sqlite::memory:").await.unwrap();
        let text = Scrape::new(recorder.handle(), Some(store.db().clone())).text();
        assert!(value(&text, "database_pool_connections") >= value(&text, "database_pool_idle_connections"));
        assert!(value(&text, "database_pool_max_connections") >= 1.0);
        assert!(text.contains("# HELP database_pool_connections ") && text.contains("# TYPE database_pool"));
        #[cfg(target_os = "linux")]
        assert!(value(&text, "process_resident_memory_bytes") > 1024.0 * 1024.0);
    }

    #[test]
    fn durations_are_sorted_into_buckets() {
        let recorder = recorder().unwrap();
        let text = ::metrics::with_local_recorder(&recorder, || {
            let scrape = Scrape::new(recorder.handle(), None);
            ::metrics::histogram!("http_request_duration_seconds").record(Duration::from_millis(7));
            recorder.handle().run_upkeep();
            scrape.text()
        });
        assert!(text.contains("# TYPE http_request_duration_seconds histogram"), "{text}");
        assert!(value(&text, "http_request_duration_seconds_bucket{le=\"0.005\"}").abs() < 0.5);
        assert!((value(&text, "http_request_duration_seconds_bucket{le=\"0.01\"}") - 1.0).abs() < 0.5);
    }
}
