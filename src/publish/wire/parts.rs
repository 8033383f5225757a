//! A payload that is too large for a broker, in pieces that are not.

/// An array of flat objects as arrays of at most `most` bytes each, and how many objects are too large for
/// any. A payload that is no array is one object.
pub fn parts(payload: &[u8], most: usize) -> (Vec<Vec<u8>>, u64) {
    if payload.len() <= most {
        return (vec![payload.to_vec()], 0);
    }
    let Some(inside) = payload.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) else {
        return (Vec::new(), 1);
    };
    let (mut parts, mut part, mut too_large) = (Vec::new(), Vec::new(), 0);
    for row in rows(inside) {
        // The brackets around it.
        if row.len() + 2 > most {
            too_large += 1;
            continue;
        }
        if !part.is_empty() && part.len() + row.len() + 2 > most {
            part.push(b']');
            parts.push(std::mem::take(&mut part));
        }
        part.push(if part.is_empty() { b'[' } else { b',' });
        part.extend_from_slice(row);
    }
    if !part.is_empty() {
        part.push(b']');
        parts.push(part);
    }
    (parts, too_large)
}

/// The objects between the brackets, cut at the commas that stand outside of objects and texts.
fn rows(inside: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    inside.split(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            b',' if !in_text => return depth == 0,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(payload: &str, most: usize) -> (Vec<String>, u64) {
        let (parts, too_large) = parts(payload.as_bytes(), most);
        (parts.into_iter().map(|part| String::from_utf8(part).unwrap()).collect(), too_large)
    }

    #[test]
    fn what_fits_stays_whole() {
        assert_eq!(texts("[{\"a\":1},{\"a\":2}]", 17), (vec!["[{\"a\":1},{\"a\":2}]".into()], 0));
    }

    #[test]
    fn an_array_is_cut_between_its_objects_and_filled_as_far_as_it_goes() {
        let cut = texts("[{\"a\":1},{\"a\":2},{\"a\":3}]", 17);
        assert_eq!(cut, (vec!["[{\"a\":1},{\"a\":2}]".into(), "[{\"a\":3}]".into()], 0));
    }

    #[test]
    fn brackets_and_commas_in_a_text_are_text() {
        let row = r#"{"t":"},{\"[,","l":[1,2]}"#;
        let cut = texts(&format!("[{row},{row}]"), row.len() + 2);
        assert_eq!(cut, (vec![format!("[{row}]"), format!("[{row}]")], 0));
    }

    #[test]
    fn an_object_that_is_too_large_alone_is_counted_and_the_others_go() {
        let cut = texts("[{\"a\":1},{\"a\":123456789},{\"a\":3}]", 9);
        assert_eq!(cut, (vec!["[{\"a\":1}]".into(), "[{\"a\":3}]".into()], 1));
        assert_eq!(texts("{\"a\":123456789}", 9), (vec![], 1));
    }
}
