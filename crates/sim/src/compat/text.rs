//! StateSim's files, as text.

use std::fmt::Write;

use super::measure::Sample;
use super::options::{AllocPolicy, ExecPolicy};

/// Name of the file of a pair's samples.
#[must_use]
pub fn job_file_name(alloc: AllocPolicy, exec: ExecPolicy, seed: u64) -> String {
    format!("job-alloc={alloc}.exec={exec}.seed={seed}")
}

/// Name of the file of a pair's final loads.
#[must_use]
pub fn node_file_name(alloc: AllocPolicy, exec: ExecPolicy, seed: u64) -> String {
    format!("node-alloc={alloc}.exec={exec}.seed={seed}")
}

/// A line per job: processing and network time in seconds, traffic in bytes, number of tasks.
pub fn write_samples(samples: &[Sample], text: &mut String) {
    for sample in samples {
        write_double(sample.processing, text);
        text.push(' ');
        write_double(sample.network, text);
        let _ = writeln!(text, " {} {}", sample.data, sample.chain);
    }
}

/// A line per node.
pub fn write_loads(loads: &[u32], text: &mut String) {
    for load in loads {
        let _ = writeln!(text, "{load}");
    }
}

/// Writes a double as a C++ stream does by default: `%g`, six significant digits.
fn write_double(value: f64, text: &mut String) {
    if !value.is_finite() {
        // As glibc: "nan", "-nan", "inf", "-inf".
        let sign = if value.is_sign_negative() { "-" } else { "" };
        text.push_str(sign);
        text.push_str(if value.is_nan() { "nan" } else { "inf" });
        return;
    }
    let mut scientific = Digits::default();
    let _ = write!(scientific, "{value:.5e}");
    let (negative, digits, exponent) = scientific.parts();
    if negative {
        text.push('-');
    }
    let significant = digits
        .iter()
        .rposition(|digit| *digit != b'0')
        .map_or(1, |last| last + 1);
    let digits = &digits[..significant];
    match exponent {
        -4..0 => {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
            push_digits(digits, text);
        }
        0..6 => {
            let whole = exponent as usize + 1;
            push_digits(&digits[..whole.min(digits.len())], text);
            text.extend(std::iter::repeat_n('0', whole.saturating_sub(digits.len())));
            if whole < digits.len() {
                text.push('.');
                push_digits(&digits[whole..], text);
            }
        }
        _ => {
            push_digits(&digits[..1], text);
            if digits.len() > 1 {
                text.push('.');
                push_digits(&digits[1..], text);
            }
            let sign = if exponent < 0 { '-' } else { '+' };
            let _ = write!(text, "e{sign}{:02}", exponent.unsigned_abs());
        }
    }
}

fn push_digits(digits: &[u8], text: &mut String) {
    text.extend(digits.iter().map(|digit| char::from(*digit)));
}

/// A number as `-d.ddddde-eee`, on the stack.
#[derive(Default)]
struct Digits {
    bytes: [u8; 16],
    length: usize,
}

impl Write for Digits {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        let room = self.bytes.get_mut(self.length..self.length + part.len());
        room.ok_or(std::fmt::Error)?.copy_from_slice(part.as_bytes());
        self.length += part.len();
        Ok(())
    }
}

impl Digits {
    /// Sign, the six digits, and the exponent.
    fn parts(&self) -> (bool, [u8; 6], i32) {
        let negative = self.bytes[0] == b'-';
        let text = &self.bytes[usize::from(negative)..self.length];
        let mut digits = [text[0]; 6];
        digits[1..].copy_from_slice(&text[2..7]);
        let tail = &text[8..];
        let below_one = tail[0] == b'-';
        let exponent = tail[usize::from(below_one)..]
            .iter()
            .fold(0, |exponent, digit| exponent * 10 + i32::from(digit - b'0'));
        (negative, digits, if below_one { -exponent } else { exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(value: f64) -> String {
        let mut text = String::new();
        write_double(value, &mut text);
        text
    }

    #[test]
    fn doubles_look_as_from_a_stream() {
        // What glibc's printf("%g") prints.
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00012345678, "0.000123457"),
            (0.00001, "1e-05"),
            (0.000099999951, "0.0001"),
            (7.97872e-6, "7.97872e-06"),
            (123_456.0, "123456"),
            (123_456.5, "123456"),
            (123_457.5, "123458"),
            (999_999.4, "999999"),
            (999_999.5, "1e+06"),
            (1_000_000.0, "1e+06"),
            (100_000.0, "100000"),
            (120.0, "120"),
            (1.234_567_8e20, "1.23457e+20"),
            (1e100, "1e+100"),
            (5e-324, "4.94066e-324"),
            (f64::MAX, "1.79769e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            // Exactly half way between two printed values: the even digit wins.
            (0.000_976_562_5, "0.000976562"),
            (0.000_030_517_578_125, "3.05176e-05"),
        ];
        for (value, expected) in cases {
            assert_eq!(printed(value), expected, "{value:e}");
        }
    }

    #[test]
    fn what_is_printed_is_the_value_to_six_digits() {
        for exponent in -300..300 {
            for mantissa in [1.0, 1.234_565, 2.5, 7.654_321, 9.999_994, 9.999_996] {
                let value: f64 = format!("{mantissa}e{exponent}").parse().unwrap();
                let back: f64 = printed(value).parse().unwrap();
                assert!((back / value - 1.0).abs() <= 5.1e-6, "{value:e} {back:e}");
            }
        }
    }
}
