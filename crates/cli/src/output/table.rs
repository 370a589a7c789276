//! Tables for people: padded columns, long cells cut.

use super::{Cell, Output};
use serde_json::Value;
use std::io;

/// Longer cells are cut, so that one traceback does not spoil a list.
const CELL_MAX: usize = 60;

#[derive(Debug)]
pub(super) struct Tables {
    pub(super) header: bool,
    pub(super) colour: bool,
}

impl Output for Tables {
    fn rows(&self, columns: &[&str], rows: &[Vec<Cell>], _: &Value) -> io::Result<()> {
        super::write(self.table(columns, rows).as_bytes())
    }

    fn record(&self, fields: &[(&str, Cell)], _: &Value) -> io::Result<()> {
        super::write(self.fields(fields).as_bytes())
    }

    fn line(&self, text: &str, _: &Value) -> io::Result<()> {
        super::write(format!("{text}\n").as_bytes())
    }
}

impl Tables {
    fn table(&self, columns: &[&str], rows: &[Vec<Cell>]) -> String {
        let rows: Vec<Vec<Cell>> = rows
            .iter()
            .map(|row| row.iter().map(shortened).collect())
            .collect();
        let widths: Vec<usize> = columns
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let heading = if self.header { width(name) } else { 0 };
                rows.iter()
                    .filter_map(|row| row.get(i))
                    .map(|c| width(&c.text))
                    .fold(heading, usize::max)
            })
            .collect();
        let mut out = String::new();
        if self.header {
            let right = |i| {
                rows.first()
                    .and_then(|row: &Vec<Cell>| row.get(i))
                    .is_some_and(|c: &Cell| c.right)
            };
            let heading = columns.iter().enumerate().map(|(i, name)| Cell {
                right: right(i),
                ..Cell::from(*name)
            });
            self.push_row(&mut out, &heading.collect::<Vec<_>>(), &widths);
        }
        for row in &rows {
            self.push_row(&mut out, row, &widths);
        }
        out
    }

    fn push_row(&self, out: &mut String, row: &[Cell], widths: &[usize]) {
        let mut line = String::new();
        for (index, (cell, room)) in row.iter().zip(widths).enumerate() {
            if index > 0 {
                line.push_str("  ");
            }
            let padding = " ".repeat(room.saturating_sub(width(&cell.text)));
            let text = self.painted(cell);
            let parts = if cell.right {
                [padding, text]
            } else {
                [text, padding]
            };
            line.extend(parts);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }

    fn fields(&self, fields: &[(&str, Cell)]) -> String {
        let room = fields
            .iter()
            .map(|(name, _)| width(name))
            .max()
            .unwrap_or(0);
        let mut out = String::new();
        for (name, cell) in fields {
            let text = self.painted(cell);
            let text = text.trim_end_matches('\n');
            if text.contains('\n') {
                // A text of many lines stands below its name, as it is.
                out.push_str(&format!("{name}:\n{text}\n"));
            } else {
                let line = format!("{:room$}  {text}", format!("{name}:"), room = room + 1);
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
        out
    }

    fn painted(&self, cell: &Cell) -> String {
        match cell.tone.escape() {
            Some(escape) if self.colour && !cell.text.is_empty() => {
                format!("{escape}{}\x1b[0m", cell.text)
            }
            _ => cell.text.clone(),
        }
    }
}

/// Columns a text takes. Characters, not bytes; wide ones are rare in what we print.
fn width(text: &str) -> usize {
    text.chars().count()
}

/// The cell on one line of bounded length, without characters that move the cursor.
fn shortened(cell: &Cell) -> Cell {
    let first = cell.text.lines().next().unwrap_or_default();
    let plain: String = first
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let whole = first.len() == cell.text.trim_end_matches('\n').len();
    let text = if whole && width(&plain) <= CELL_MAX {
        plain
    } else {
        let cut: String = plain.chars().take(CELL_MAX - 4).collect();
        format!("{} ...", cut.trim_end())
    };
    Cell {
        text,
        ..cell.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Tone;

    fn plain(header: bool) -> Tables {
        Tables {
            header,
            colour: false,
        }
    }

    #[test]
    fn columns_are_padded_and_numbers_stand_right() {
        let rows = [
            vec![Cell::number(7), "done".into()],
            vec![Cell::number(1234), "killed".into()],
        ];
        assert_eq!(
            plain(true).table(&["JID", "STATUS"], &rows),
            " JID  STATUS\n   7  done\n1234  killed\n"
        );
        assert_eq!(
            plain(false).table(&["JID", "STATUS"], &rows),
            "   7  done\n1234  killed\n"
        );
    }

    #[test]
    fn long_and_many_lined_cells_are_cut() {
        let table = plain(false).table(
            &["A"],
            &[
                vec!["x".repeat(70).into()],
                vec!["one\ntwo".into()],
                vec!["a\x1b[2Jb".into()],
            ],
        );
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines,
            [
                format!("{} ...", "x".repeat(56)).as_str(),
                "one ...",
                "a [2Jb"
            ]
        );
    }

    #[test]
    fn colour_adds_nothing_but_escapes() {
        let rows = [vec![Cell::toned("error", Tone::Bad)]];
        let coloured = Tables {
            header: false,
            colour: true,
        }
        .table(&["STATUS"], &rows);
        assert_eq!(
            coloured.replace("\x1b[31m", "").replace("\x1b[0m", ""),
            plain(false).table(&["STATUS"], &rows)
        );
    }

    #[test]
    fn a_record_keeps_texts_whole() {
        let fields = [
            ("status", Cell::from("done")),
            ("stdout", Cell::from("one\ntwo\n")),
        ];
        assert_eq!(
            plain(true).fields(&fields),
            "status:  done\nstdout:\none\ntwo\n"
        );
    }
}
