//! Flags, in the spellings that feeds use.

use serde_json::Value;

use crate::reading::Missing;

use super::page;

/// `true`, 1, `Y`, `yes`, `on`, or their opposites, in any case.
///
/// # Errors
/// [`Missing::Garbage`] for anything else.
pub fn flag(value: &Value) -> Result<bool, Missing> {
    let text = page::text(value).ok_or(Missing::Garbage)?;
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "y" | "yes" | "on" => Ok(true),
        "false" | "0" | "n" | "no" | "off" => Ok(false),
        _ => Err(Missing::Garbage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_set_or_not_in_every_spelling() {
        for (json, expected) in [
            ("true", true),
            ("1", true),
            ("\"Y\"", true),
            ("\" on \"", true),
            ("\"ON\"", true),
            ("\"true\"", true),
            ("false", false),
            ("0", false),
            ("\"N\"", false),
            ("\"off\"", false),
            ("\"0\"", false),
            ("\"No\"", false),
        ] {
            assert_eq!(flag(&serde_json::from_str(json).unwrap()), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_is_no_flag_is_neither_on_nor_off() {
        for json in ["2", "\"\"", "\"maybe\"", "null", "[]", "{}", "0.5"] {
            assert_eq!(flag(&serde_json::from_str(json).unwrap()), Err(Missing::Garbage), "{json}");
        }
    }
}
