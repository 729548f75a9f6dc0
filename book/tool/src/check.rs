//! What a reader would stumble over: links that lead nowhere, and samples that are not there.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context as _, Result};
use scraper::{Html, Selector};

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// How many pages there are.
    pub pages: usize,
    /// How many links within the guide.
    pub links: usize,
    /// What is wrong, a line each.
    pub problems: Vec<String>,
}

/// A page: where it leads, and where one can be led to in it.
struct Page {
    links: Vec<String>,
    places: HashSet<String>,
    empty_samples: usize,
}

/// Made by mdBook of all others, with links that are right only there.
const OF_ALL: [&str; 3] = ["print.html", "toc.html", "404.html"];

/// Looks at every page below `folder`.
pub fn check(folder: &Path) -> Result<Report> {
    let mut pages = BTreeMap::new();
    read_pages(folder, Path::new(""), &mut pages)?;
    let mut report = Report { pages: pages.len(), ..Report::default() };
    for (path, page) in &pages {
        let mut wrong = |problem: String| report.problems.push(format!("{}: {problem}", path.display()));
        if page.empty_samples > 0 {
            wrong(format!("{} samples are empty: is their anchor there?", page.empty_samples));
        }
        for link in page.links.iter().filter(|link| is_inside(link)) {
            report.links += 1;
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { resolve(path, file) };
            match pages.get(&target) {
                Some(target) if place.is_empty() || target.places.contains(place) => {}
                Some(_) => wrong(format!("{link}: there is no such heading")),
                None if place.is_empty() && folder.join(&target).is_file() => {}
                None => wrong(format!("{link}: there is no such page")),
            }
        }
    }
    Ok(report)
}

fn read_pages(folder: &Path, below: &Path, pages: &mut BTreeMap<PathBuf, Page>) -> Result<()> {
    for entry in fs::read_dir(folder.join(below)).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            read_pages(folder, &path, pages)?;
        } else if path.extension().is_some_and(|end| end == "html")
            && !OF_ALL.iter().any(|name| path.ends_with(name))
        {
            let page = read_page(&fs::read_to_string(entry.path())?);
            pages.insert(path, page);
        }
    }
    Ok(())
}

fn read_page(text: &str) -> Page {
    let html = Html::parse_document(text);
    let elements = |selector: &str| -> Vec<_> {
        Selector::parse(selector).map_or_else(|_| Vec::new(), |selector| html.select(&selector).collect())
    };
    let attribute = |selector: &str, name: &str| -> Vec<String> {
        elements(selector).iter().filter_map(|element| element.attr(name)).map(str::to_owned).collect()
    };
    let mut links = attribute("main a[href]", "href");
    links.extend(attribute("main img[src]", "src"));
    let samples = elements("main pre code");
    Page {
        links,
        places: attribute("[id]", "id").into_iter().collect(),
        empty_samples: samples
            .iter()
            .filter(|sample| sample.text().all(|text| text.trim().is_empty()))
            .count(),
    }
}

fn is_inside(link: &str) -> bool {
    !["http://", "https://", "mailto:"].iter().any(|scheme| link.starts_with(scheme))
}

/// The file that a link in the page `from` leads to.
fn resolve(from: &Path, link: &str) -> PathBuf {
    let mut path = from.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(pages: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, body) in pages {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("<main>{body}</main>")).unwrap();
        }
        check(folder.path()).unwrap().problems
    }

    #[test]
    fn links_lead_to_pages_and_headings() {
        let good = [
            ("a.html", "<a href=\"b/c.html#here\">c</a> <a href=\"#top\" id=\"top\">a</a>"),
            ("b/c.html", "<h2 id=\"here\">c</h2> <a href=\"../a.html\">a</a> <a href=\"https://x\">x</a>"),
        ];
        assert_eq!(problems(&good), [""; 0]);
        let bad = [("a.html", "<a href=\"b.html\">b</a> <a href=\"#there\">a</a> <img src=\"c.svg\">")];
        assert_eq!(problems(&bad).len(), 3);
    }

    #[test]
    fn samples_are_there() {
        assert_eq!(problems(&[("a.html", "<pre><code>\n</code></pre><pre><code>fn</code></pre>")]).len(), 1);
    }
}
