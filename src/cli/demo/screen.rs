//! Where the demo's table goes: redrawn in place on a terminal, page after page in a pipe.

use std::io::{self, IsTerminal, Write};

/// Where the terminal does not tell, and in a pipe.
const DEFAULT: Size = Size { rows: usize::MAX, columns: 120 };

/// Alternate screen, cursor hidden, long lines cut instead of wrapped.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

pub enum Screen {
    Terminal(Terminal),
    Plain,
}

impl Screen {
    /// In place if standard output is a terminal and `plain` is not asked for.
    pub fn open(plain: bool) -> io::Result<Self> {
        if plain || !io::stdout().is_terminal() {
            return Ok(Self::Plain);
        }
        let size = Size::of_terminal().unwrap_or(DEFAULT);
        write_out(ENTER)?;
        Ok(Self::Terminal(Terminal { size, last: String::new() }))
    }

    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    /// Columns that a line may have. One less than the terminal's: clearing the rest of a full line
    /// would take its last character.
    pub fn width(&self) -> usize {
        match self {
            Self::Terminal(terminal) => terminal.size.columns.saturating_sub(1),
            Self::Plain => DEFAULT.columns,
        }
    }

    /// The window changed its size.
    pub fn resized(&mut self) {
        if let Self::Terminal(terminal) = self
            && let Some(size) = Size::of_terminal()
        {
            terminal.size = size;
        }
    }

    pub fn show(&mut self, page: &str) -> io::Result<()> {
        match self {
            Self::Terminal(terminal) => {
                page.clone_into(&mut terminal.last);
                write_out(&in_place(page, terminal.size.rows))
            }
            Self::Plain => write_out(&format!("{page}\n")),
        }
    }
}

/// A terminal in the state of [`ENTER`]; dropping it restores the old one, also on a panic.
pub struct Terminal {
    size: Size,
    last: String,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The last page stays readable after the end.
        let _ = write_out(&format!("{LEAVE}{}", self.last));
    }
}

/// Everything in one write, each row at its place, so that nothing scrolls. A page that is higher
/// than the terminal says how much of it is not shown.
fn in_place(page: &str, rows: usize) -> String {
    let all = page.lines().count();
    let shown = if all > rows { rows.saturating_sub(1) } else { all };
    let mut text = String::new();
    for (row, line) in page.lines().take(shown).enumerate() {
        text.push_str(&format!("\x1b[{};1H{line}\x1b[K", row + 1));
    }
    if shown < all {
        let hidden = all - shown;
        text.push_str(&format!(
            "\x1b[{rows};1H… {hidden} more rows: enlarge the window, or use --plain\x1b[K"
        ));
    }
    text.push_str("\x1b[J");
    text
}

fn write_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[derive(Debug, Clone, Copy)]
struct Size {
    rows: usize,
    columns: usize,
}

impl Size {
    fn of_terminal() -> Option<Self> {
        let (width, height) = terminal_size::terminal_size()?;
        Some(Self { rows: height.0.into(), columns: width.0.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_drawn_over_the_old_one_without_clearing_the_screen() {
        let drawn = in_place("first\nsecond\n", 24);
        assert_eq!(drawn, "\x1b[1;1Hfirst\x1b[K\x1b[2;1Hsecond\x1b[K\x1b[J");
        assert!(!drawn.contains("\x1b[2J") && !drawn.contains('\n'));
    }

    #[test]
    fn a_page_that_is_too_high_says_how_much_is_missing() {
        let drawn = in_place("a\nb\nc\nd\n", 3);
        assert!(drawn.contains("b") && !drawn.contains("\x1b[3;1Hc"), "{drawn}");
        assert!(drawn.contains("\x1b[3;1H… 2 more rows"), "{drawn}");
        assert!(!in_place("a\nb\n", 2).contains("more rows"));
    }

    #[test]
    fn whatever_is_switched_on_at_the_start_is_switched_back_at_the_end() {
        for mode in ["?1049h", "?25l", "?7l"] {
            let (number, letter) = mode.split_at(mode.len() - 1);
            let back = format!("{number}{}", if letter == "h" { "l" } else { "h" });
            assert!(ENTER.contains(mode) && LEAVE.contains(&back), "{mode}");
        }
    }
}
