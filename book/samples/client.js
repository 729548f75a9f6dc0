/**
 * A client of Guardrail's endpoints for browsers: log-in, requests that renew their access token, log-out.
 *
 *     const client = new Client({ onChange: (what) => what === "ended" && showLogIn() });
 *     await client.login("ada@example.com", "correct horse");
 *     const profile = await (await client.request("/profile")).json();
 *
 * The access token is in memory, each tab's own. The refresh token is where `tokens` keeps it. The
 * fingerprint is in a cookie that script cannot read: the browser keeps it, and sends it along.
 */
export class Client {
  #base;
  #name;
  #tokens;
  #locks;
  #fetch;
  #onChange;
  #channel;
  /** The access token, and when to renew it: `{ token, renewAt }`. Each renewal makes a new object. */
  #access = null;
  /** The renewal under way, if one is: whoever needs one meanwhile waits for the same. */
  #renewing = null;

  /**
   * @param {object} options
   * @param {string} options.base where Guardrail's routes are: a path, or one with the origin of another host
   * @param {string} options.name the tabs' lock and channel, and the key that their token is stored under
   * @param options.tokens where the refresh token is: `inLocalStorage` or `inMemory`
   * @param options.locks what lets one tab at a time renew, with the `request` of `navigator.locks`
   * @param options.fetch what sends; a test gives its own
   * @param {(what: "begun" | "ended") => void} options.onChange told when the session is over, in every tab,
   *   and when another tab has signed in: what this one shows may then be somebody else's
   */
  constructor({
    base = "/api",
    name = "guardrail",
    tokens = inLocalStorage(name),
    locks = globalThis.navigator?.locks ?? queue(),
    fetch = globalThis.fetch,
    onChange = () => {},
  } = {}) {
    this.#base = base;
    this.#name = name;
    this.#tokens = tokens;
    this.#locks = locks;
    // Called by itself: as a method of another object, a browser's own `fetch` throws.
    this.#fetch = (url, init) => fetch(url, init);
    this.#onChange = onChange;
    if (tokens.shared && globalThis.BroadcastChannel) {
      this.#channel = new BroadcastChannel(name);
      this.#channel.onmessage = ({ data }) => this.#heard(data);
    }
  }

  /** Whether there is a session, as far as is known here. */
  get signedIn() {
    return this.#tokens.get() !== null;
  }

  /** Signs in. A session that this browser has already ends by it, in every tab. */
  async login(email, password) {
    // Alone, so that no answer to another tab's refresh sets the old session's cookie after the new one's.
    await this.#alone(async () => this.#take(await this.#post("/auth", { email, password }), "begun"));
  }

  /**
   * Sends a request, with `fetch`'s `init`, and returns the response, whatever its status.
   *
   * A request that is refused with 401 is sent once more with a fresh access token: the caller is recognised
   * before a handler runs, so nothing has been done. (A body that is a stream cannot be sent twice.) An
   * `ApiError` of status 401 says that there is no session, or no longer, or that its cookie is missing.
   */
  async request(path, init = {}) {
    // What is put together with the base must not become another host.
    if (!/^\/(?![/\\])/.test(path)) throw new TypeError('a path begins with one "/"');
    let access = await this.#fresh();
    const response = await this.#send(path, init, access);
    if (response.status !== 401) return response;
    // Whatever the code: another tab may have signed in anew, and the refresh tells what there is.
    access = await this.#renew(access);
    return this.#send(path, init, access);
  }

  /** Sets a new password, which ends every session and begins a fresh one here. */
  async changePassword(current, next) {
    const { token } = await this.#fresh();
    const body = { current_password: current, new_password: next };
    await this.#alone(async () => this.#take(await this.#post("/password", body, { token }), "begun"));
  }

  /** Ends the session. It is over here in any case; if the server could not be told, that is an error. */
  async logout() {
    await this.#alone(async () => {
      const refreshToken = this.#tokens.get();
      try {
        if (refreshToken !== null) await this.#post("/logout", { refresh_token: refreshToken });
      } catch (error) {
        // What the token stood for has ended already.
        if (error.status !== 401) throw error;
      } finally {
        this.#end();
      }
    });
  }

  /** Stops listening to other tabs. */
  close() {
    this.#channel?.close();
  }

  /** An access token that is good for a while yet. */
  async #fresh() {
    const access = this.#access;
    return access !== null && Date.now() < access.renewAt ? access : this.#renew(access);
  }

  /** Another access token than `stale`. Of this tab's requests one renews it, of the tabs one at a time. */
  #renew(stale) {
    this.#renewing ??= this.#alone(async () => {
      // Another tab may have been faster, and told.
      if (this.#access === null || this.#access === stale) await this.#refresh();
      return this.#access;
    }).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /**
   * Exchanges the refresh token. It is read here, within the lock: the one that another tab has left.
   *
   * An answer can get lost after the server has replaced the token. For its grace (10 seconds) the server
   * gives the same successor again, and afterwards takes the token for a stolen one: so it is asked again at
   * once. Grace also covers a tab that does not see at once what another one has stored.
   */
  async #refresh() {
    const refreshToken = this.#tokens.get();
    if (refreshToken === null) throw new ApiError(401, { code: "signed_out", detail: "log in first" });
    for (let tries = 1; ; tries += 1) {
      try {
        const signal = AbortSignal.timeout(3_000);
        this.#take(await this.#post("/refresh", { refresh_token: refreshToken }, { signal }), "renewed");
        return;
      } catch (error) {
        // Not `fingerprint_missing`: without its cookie a session is of no use here, and yet it lives on.
        const over = ["session_ended", "token_invalid"].includes(error.code);
        // Another one may have been stored meanwhile.
        if (over && this.#tokens.get() === refreshToken) this.#end();
        // No answer, or one that leaves open what has happened.
        const unsure = error.status === undefined || error.status >= 500;
        if (!unsure || tries === 3) throw error;
        await new Promise((resolve) => setTimeout(resolve, 500 * tries));
      }
    }
  }

  /** Takes over what a log-in or a refresh answered, and tells the other tabs. */
  #take({ token, iat, exp, refresh_token: refreshToken }, what) {
    // Where the server does not rotate, a refresh brings none: the one before stays.
    if (refreshToken !== undefined) this.#tokens.set(refreshToken);
    // After four fifths of its life. How long it lasts counts, not when it ends: the clock here may be wrong.
    this.#access = { token, renewAt: Date.now() + (exp - iat) * 800 };
    this.#channel?.postMessage({ what, access: this.#access });
  }

  #end() {
    this.#tokens.set(null);
    this.#access = null;
    this.#channel?.postMessage({ what: "ended", access: null });
    this.#onChange("ended");
  }

  /** What another tab tells. */
  #heard({ what, access }) {
    // Old news: somebody has signed in again since.
    if (what === "ended" && this.signedIn) return;
    this.#access = access;
    if (what !== "renewed") this.#onChange(what);
  }

  #alone(work) {
    return this.#locks.request(this.#name, work);
  }

  #send(path, init, access) {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${access.token}`);
    return this.#fetch(this.#base + path, { ...init, headers, credentials: "include" });
  }

  async #post(path, body, { token, signal } = {}) {
    const headers = { "content-type": "application/json" };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    const init = { method: "POST", headers, body: JSON.stringify(body), credentials: "include", signal };
    const response = await this.#fetch(this.#base + path, init);
    if (!response.ok) throw await ApiError.of(response);
    return response.json();
  }
}

/** An answer that is no success: its status, the problem's `code` and `detail`, and errors by field. */
export class ApiError extends Error {
  constructor(status, { code = "unknown", detail = "", errors = {} } = {}, retryAfter = null) {
    super(detail || `the server answered ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.errors = errors;
    /** In how many seconds to try again, if the server says so. CORS must expose the header. */
    this.retryAfter = retryAfter;
  }

  static async of(response) {
    // A proxy's own answer is no JSON.
    const problem = await response.json().catch(() => ({}));
    return new ApiError(response.status, problem, Number(response.headers.get("retry-after")) || null);
  }
}

/** Keeps the refresh token for all tabs of the origin, over reloads and restarts. */
export function inLocalStorage(key) {
  return {
    shared: true,
    get: () => localStorage.getItem(key),
    set: (token) => (token === null ? localStorage.removeItem(key) : localStorage.setItem(key, token)),
  };
}

/** Keeps the refresh token as long as the page: a reload signs out, and each tab is by itself. */
export function inMemory() {
  let kept = null;
  return {
    shared: false,
    get: () => kept,
    set: (token) => {
      kept = token;
    },
  };
}

/** One after the other within this page: for where there is no `navigator.locks`, as on plain http. */
export function queue() {
  let last = Promise.resolve();
  return {
    request(_name, work) {
      const turn = last.then(() => work());
      last = turn.catch(() => {});
      return turn;
    },
  };
}
