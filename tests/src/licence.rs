//! Whether a licence expression is allowed: SPDX expressions with `AND`, `OR`, `WITH` and
//! parentheses (<https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/>), and the older
//! form with a slash for `OR`.

/// Whether what `allowed` accepts satisfies the expression. An expression that cannot be read does
/// not.
pub fn satisfies(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let satisfied = either(&mut words, allowed);
    satisfied == Some(true) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>, allowed: &[String]) -> Option<bool> {
    let mut satisfied = both(words, allowed)?;
    while words.next_if_eq(&"OR").is_some() {
        satisfied |= both(words, allowed)?;
    }
    Some(satisfied)
}

fn both(words: &mut Words<'_>, allowed: &[String]) -> Option<bool> {
    let mut satisfied = one(words, allowed)?;
    while words.next_if_eq(&"AND").is_some() {
        satisfied &= one(words, allowed)?;
    }
    Some(satisfied)
}

fn one(words: &mut Words<'_>, allowed: &[String]) -> Option<bool> {
    let word = words.next()?;
    if word == "(" {
        let satisfied = either(words, allowed)?;
        return (words.next()? == ")").then_some(satisfied);
    }
    let mut licence = word.to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        licence = format!("{licence} WITH {}", words.next()?);
    }
    Some(allowed.contains(&licence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_as_spdx_says() {
        let allowed = ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        let check = |expression: &str| satisfies(expression, &allowed);
        assert!(check("MIT"));
        assert!(check("GPL-3.0 OR MIT"));
        assert!(check("GPL-3.0/MIT"));
        assert!(check("(GPL-3.0 OR MIT) AND Zlib"));
        assert!(check("GPL-3.0 AND MIT OR Zlib"), "AND binds tighter");
        assert!(check("Apache-2.0 WITH LLVM-exception"));
        assert!(!check("Apache-2.0"));
        assert!(!check("GPL-3.0"));
        assert!(!check("MIT AND GPL-3.0"));
        assert!(!check("MIT OR"), "cannot be read");
        assert!(!check("(MIT"), "cannot be read");
        assert!(!check("MIT Zlib"), "cannot be read");
        assert!(!check(""), "cannot be read");
    }
}
