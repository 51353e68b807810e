//! Rows for people.

/// Columns under their titles, as wide as their widest cell, two spaces apart.
pub(crate) fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = titles.map(|title| title.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let titles = titles.map(str::to_uppercase);
    for row in std::iter::once(&titles).chain(rows) {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up() {
        let rows = [
            ["a".to_owned(), "long one".to_owned()],
            ["longer".to_owned(), "b".to_owned()],
        ];
        assert_eq!(
            table(["x", "why"], &rows),
            "X       WHY\na       long one\nlonger  b\n"
        );
    }
}
