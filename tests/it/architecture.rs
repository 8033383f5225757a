//! The module table of ARCHITECTURE.md is a contract, not a picture.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Row of the table → what it may import; `None` = anything.
type Table = BTreeMap<String, Option<Vec<String>>>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> Table {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut table = Table::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let module = cells[1].trim_matches('`').to_owned();
        let may: Vec<String> =
            cells[3].split(',').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect();
        table.insert(module, if may == ["all"] { None } else { Some(may) });
    }
    assert!(table.len() > 10, "the module table was not found");
    table
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The row with the longest path that `module` (`sources/asic/json`) lies under.
fn row_of<'a>(table: &'a Table, module: &str) -> Option<&'a str> {
    let lies_under = |row: &str| module == row || module.starts_with(&format!("{row}/"));
    table.keys().filter(|row| lies_under(row)).max_by_key(|row| row.len()).map(String::as_str)
}

/// Paths after `crate::` in the code before the unit tests, `use` groups opened up.
fn imports(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: String =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for piece in code.split("crate::").skip(1) {
        let path: String =
            piece.chars().take_while(|c| c.is_ascii_alphanumeric() || "_:".contains(*c)).collect();
        let path = path.trim_end_matches(':').replace("::", "/");
        match piece.get(path.len()..).and_then(|rest| rest.trim_start_matches(':').strip_prefix('{')) {
            Some(group) => {
                let group = group.split('}').next().unwrap_or_default();
                for item in group.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                    let item = item.split("::").next().unwrap_or(item);
                    found.push(if path.is_empty() { item.to_owned() } else { format!("{path}/{item}") });
                }
            }
            None => found.push(path),
        }
    }
    found
}

#[test]
fn imports_follow_the_module_table() {
    let table = table();
    let src = root().join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    let mut wrong = Vec::new();
    for path in paths {
        let relative = path.strip_prefix(&src).unwrap().with_extension("");
        let module = relative.to_str().unwrap().trim_end_matches("/mod").to_owned();
        if module == "lib" {
            continue;
        }
        let Some(row) = row_of(&table, &module) else {
            wrong.push(format!("{module}: has no row in the table"));
            continue;
        };
        let Some(may) = &table[row] else { continue };
        for import in imports(&fs::read_to_string(&path).unwrap()) {
            let Some(target) = row_of(&table, &import) else { continue };
            let own = target == row
                || row.starts_with(&format!("{target}/"))
                || target.starts_with(&format!("{row}/"));
            if !own && !may.iter().any(|m| m == target) {
                wrong.push(format!("{module}: may not import `{target}` (`crate::{import}`)"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that ARCHITECTURE.md forbids:\n{}", wrong.join("\n"));
}

#[test]
fn every_row_of_the_table_exists() {
    let src = root().join("src");
    for module in table().keys() {
        let exists = src.join(format!("{module}.rs")).exists() || src.join(module).is_dir();
        assert!(exists, "ARCHITECTURE.md names `{module}`, which is not in src/");
    }
}

#[test]
fn the_import_reader_sees_groups_and_nested_paths() {
    let source = "use crate::units::{Watts, Usd};\nuse crate::{agent, sources::asic};\n// crate::no\nlet x = crate::clock::now();\n#[cfg(test)]\nuse crate::hidden;";
    assert_eq!(imports(source), ["units/Watts", "units/Usd", "agent", "sources", "clock/now"]);
}
