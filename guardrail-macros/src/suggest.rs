//! Messages for a word that is none of the known ones.

/// "unknown … `word`", with the known word that was probably meant, or else all of them.
pub(crate) fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    match known.iter().find(|known| is_near(word, known)) {
        Some(near) => format!("unknown {what} `{word}`; did you mean `{near}`?"),
        None => format!("unknown {what} `{word}`; there is {}", list(known)),
    }
}

/// "`a`, `b` and `c`".
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Whether `word` is `known` with up to two slips, or its beginning (`obj`).
fn is_near(word: &str, known: &str) -> bool {
    let word = word.to_lowercase();
    let slips = if known.len() > 3 { 2 } else { 1 };
    (word.len() >= 3 && known.starts_with(&word)) || strsim::levenshtein(&word, known) <= slips
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[&str] = &["object", "action", "role"];

    #[test]
    fn a_slip_is_answered_with_the_word_meant() {
        for (word, meant) in [("objct", "object"), ("obj", "object"), ("actoin", "action"), ("Role", "role")]
        {
            assert_eq!(unknown("key", word, KEYS), format!("unknown key `{word}`; did you mean `{meant}`?"));
        }
    }

    #[test]
    fn another_word_is_answered_with_all_words() {
        assert_eq!(unknown("key", "x", KEYS), "unknown key `x`; there is `object`, `action` and `role`");
    }
}
