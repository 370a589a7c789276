//! Job ids as arguments: `1-4,7`, in one word or several.

use picloud_types::JidSet;

/// The jobs a command is about.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Jids {
    /// Job ids and ranges of them, both ends included, such as 1-4,7
    #[arg(value_name = "JIDS", required = true, value_parser = parse)]
    jids: Vec<JidSet>,
}

impl Jids {
    /// All of them, in the order given.
    pub(crate) fn set(&self) -> JidSet {
        join(&self.jids)
    }
}

/// Several words as one set.
pub(crate) fn join(words: &[JidSet]) -> JidSet {
    let text: Vec<String> = words.iter().map(JidSet::to_string).collect();
    text.join(",")
        .parse()
        .expect("sets print as text that parses, and arguments are too short for too many ranges")
}

/// One word; an empty one is a mistake here.
pub(crate) fn parse(text: &str) -> Result<JidSet, String> {
    let set: JidSet = text
        .parse()
        .map_err(|e: picloud_types::jids::BadJids| e.to_string())?;
    if set.is_empty() {
        Err("no job id given".to_owned())
    } else {
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_join_in_their_order() {
        let words = [
            "1-3".parse().expect("valid"),
            "9".parse().expect("valid"),
            "4,5".parse().expect("valid"),
        ];
        assert_eq!(join(&words).to_string(), "1-3,9,4-5");
    }

    #[test]
    fn an_empty_word_is_refused() {
        assert!(parse("").is_err() && parse(",").is_err() && parse("x").is_err());
    }
}
