//! Rows: a list of objects, a map from name to object, or arrays side by side.

use serde_json::Value;

use crate::reading::Missing;

use super::page;

/// One row of a page.
#[derive(Debug, Clone, Copy)]
pub struct Row<'p> {
    /// Its key, in a map.
    pub name: Option<&'p str>,
    place: Place<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Place<'p> {
    Item(&'p Value),
    /// The entry of this index of every array of the page.
    Column(&'p Value, usize),
}

impl<'p> Row<'p> {
    /// The field that `pointer` points at: inside the row or, with arrays side by side, the array from the top.
    ///
    /// # Errors
    /// As [`page::at`].
    pub fn at(&self, pointer: &str) -> Result<&'p Value, Missing> {
        match self.place {
            Place::Item(row) => page::at(row, pointer),
            Place::Column(all, index) => {
                let entry = page::at(all, pointer)?.get(index).filter(|entry| !entry.is_null());
                entry.ok_or(Missing::NotReported)
            }
        }
    }
}

/// The rows of the list or map that `pointer` points at.
///
/// # Errors
/// As [`page::at`]; [`Missing::Garbage`] if it is neither list nor map.
pub fn rows<'p>(page: &'p Value, pointer: &str) -> Result<Vec<Row<'p>>, Missing> {
    match page::at(page, pointer)? {
        Value::Array(list) => {
            Ok(list.iter().map(|row| Row { name: None, place: Place::Item(row) }).collect())
        }
        Value::Object(map) => {
            let named = map.iter().map(|(name, row)| Row { name: Some(name), place: Place::Item(row) });
            Ok(named.collect())
        }
        _ => Err(Missing::Garbage),
    }
}

/// The rows that the arrays at `pointers` make side by side.
///
/// # Errors
/// As [`page::at`]; [`Missing::Garbage`] if one is no array, or if they are not of the same length.
pub fn columns<'p>(page: &'p Value, pointers: &[&str]) -> Result<Vec<Row<'p>>, Missing> {
    let mut rows = None;
    for pointer in pointers {
        let length = page::at(page, pointer)?.as_array().ok_or(Missing::Garbage)?.len();
        if *rows.get_or_insert(length) != length {
            return Err(Missing::Garbage);
        }
    }
    let rows = 0..rows.unwrap_or(0);
    Ok(rows.map(|index| Row { name: None, place: Place::Column(page, index) }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn picked(rows: &[Row<'_>], pointer: &str) -> Vec<Option<i64>> {
        rows.iter().map(|row| row.at(pointer).ok().and_then(Value::as_i64)).collect()
    }

    #[test]
    fn a_list_and_a_map_have_rows_and_a_map_names_them() {
        let page = json!({"list": [{"a": 1}, {"b": 2}], "map": {"rig-1": {"a": 3}, "rig-2": {"a": null}}});
        let list = rows(&page, "/list").unwrap();
        assert_eq!((picked(&list, "/a"), list[0].name), (vec![Some(1), None], None));
        let map = rows(&page, "/map").unwrap();
        assert_eq!(map.iter().map(|row| row.name).collect::<Vec<_>>(), [Some("rig-1"), Some("rig-2")]);
        assert_eq!(picked(&map, "/a"), [Some(3), None]);
        assert_eq!(rows(&page, "/list/0/a").unwrap_err(), Missing::Garbage);
        assert_eq!(rows(&page, "/none").unwrap_err(), Missing::NotReported);
    }

    #[test]
    fn arrays_side_by_side_make_rows_if_they_are_of_one_length() {
        let page = json!({"t": [10, 20], "p": [5, null], "short": [1], "no": 3});
        let side_by_side = columns(&page, &["/t", "/p"]).unwrap();
        assert_eq!(picked(&side_by_side, "/t"), [Some(10), Some(20)]);
        assert_eq!(picked(&side_by_side, "/p"), [Some(5), None]);
        assert_eq!(columns(&page, &["/t", "/short"]).unwrap_err(), Missing::Garbage);
        assert_eq!(columns(&page, &["/t", "/no"]).unwrap_err(), Missing::Garbage);
        assert_eq!(columns(&page, &["/t", "/none"]).unwrap_err(), Missing::NotReported);
    }
}
