//! Answers as many bytes as its input says, in decimal.

use fogline::Error;

fn fault(input: Vec<u8>) -> Result<Vec<u8>, Error> {
    let size: usize = std::str::from_utf8(&input)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| Error::invalid_input("expected a number of bytes, as 1024"))?;
    Ok(vec![b'x'; size])
}

fogline::function!(fault);
