//! Lines and tables of at most 100 columns.

use comfy_table::{CellAlignment, ContentArrangement, Table, TableStyle, presets};

/// Columns of the text.
const WIDTH: u16 = 100;

/// A table with a line below its head.
pub(super) fn plain<T: ToString>(heads: &[T]) -> Table {
    styled(heads, presets::ASCII_MARKDOWN)
}

/// A table with a line between any two rows, for rows of several lines.
pub(super) fn with_lines<T: ToString>(heads: &[T]) -> Table {
    styled(heads, presets::ASCII_HORIZONTAL_ONLY)
}

fn styled<T: ToString>(heads: &[T], style: TableStyle) -> Table {
    let mut table = Table::new();
    table
        .load_style(style)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(heads.iter().map(ToString::to_string));
    table
}

/// Aligns all columns but the first to the right.
pub(super) fn figures_to_the_right(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// Adds a table.
pub(super) fn verbatim(text: &mut String, table: &Table) {
    text.push_str(&table.trim_fmt());
    text.push('\n');
}

/// Adds words in lines of at most [`WIDTH`]; a leading line break stays.
pub(super) fn paragraph(text: &mut String, words: &str) {
    let mut column = 0;
    for word in words.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > usize::from(WIDTH) {
            text.push('\n');
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}
