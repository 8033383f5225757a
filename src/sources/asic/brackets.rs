//! Avalon's own form inside a field of a reply: `Ver[1246-83-…] Temp[30] PS[0 1214 1316 242 3189 1320 3504]`.

/// Names and contents in order; what stands between them is left out, and so is a last one that does not
/// end. A name may occur more than once.
pub fn fields(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (name, behind) = rest.split_once('[')?;
        let (content, next) = behind.split_once(']')?;
        rest = next;
        // `'STATS':{Ver`, and `Nonce Mask` of which the last word is enough.
        let name = name.rsplit([' ', '{', '\'', ',']).next().unwrap_or(name);
        Some((name, content))
    })
}

/// The numbers of a list, in place: `None` where there is `nan` or no number.
pub fn numbers(content: &str) -> impl Iterator<Item = Option<f64>> {
    content.split_whitespace().map(|part| part.parse::<f64>().ok().filter(|number| number.is_finite()))
}

/// The only number, or the first of a list.
pub fn number(content: &str) -> Option<f64> {
    numbers(content).next()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contents_come_in_order_whatever_is_around_them() {
        let text = "'STATS':{Ver[Q-25052801_14a19a2] SYSTEMSTATU[Work: In Idle, Hash Board: 1] Temp[-7] \
                    FACOPTS0[] Nonce Mask[25]} LW[16";
        let all: Vec<_> = fields(text).collect();
        assert_eq!(
            all,
            [
                ("Ver", "Q-25052801_14a19a2"),
                ("SYSTEMSTATU", "Work: In Idle, Hash Board: 1"),
                ("Temp", "-7"),
                ("FACOPTS0", ""),
                ("Mask", "25"),
            ]
        );
        assert_eq!(fields("").count() + fields("]]][").count() + fields("a[b").count(), 0);
    }

    #[test]
    fn what_is_no_number_keeps_its_place() {
        let ps: Vec<_> = numbers(" 0 1221 nan x  -4.5 inf").collect();
        assert_eq!(ps, [Some(0.0), Some(1221.0), None, None, Some(-4.5), None]);
        assert_eq!((number("nan"), number(""), number("30")), (None, None, Some(30.0)));
    }
}
