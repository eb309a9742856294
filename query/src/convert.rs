//! Functions between physical and logical values, for the plans this crate makes.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, StringViewBuilder, cast::as_generic_binary_array,
};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::{
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Binary as lower-case hex text.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Hex(Signature);

/// `hex_id(binary)`: an id as SQL shows it.
pub(crate) fn hex() -> ScalarUDF {
    ScalarUDF::new_from_impl(Hex(Signature::any(1, Volatility::Immutable)))
}

impl ScalarUDFImpl for Hex {
    fn name(&self) -> &str {
        "hex_id"
    }
    fn signature(&self) -> &Signature {
        &self.0
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let array = only_argument(args)?;
        let mut text = StringViewBuilder::with_capacity(array.len());
        let mut digits = Vec::with_capacity(32);
        for_each_binary(&array, |bytes| match bytes {
            None => text.append_null(),
            Some(bytes) => {
                write_hex(bytes, &mut digits);
                text.append_value(std::str::from_utf8(&digits).unwrap_or_default());
            }
        })?;
        Ok(ColumnarValue::Array(Arc::new(text.finish())))
    }
}

/// True for rows of units that have not been replaced.
#[derive(Debug)]
struct Current {
    hidden: Arc<HashSet<[u8; 16]>>,
    signature: Signature,
}

/// `is_current(trace_id)`: false for rows of a derived block that memory has replaced.
pub(crate) fn current(hidden: Arc<HashSet<[u8; 16]>>) -> ScalarUDF {
    ScalarUDF::new_from_impl(Current {
        hidden,
        signature: Signature::any(1, Volatility::Immutable),
    })
}

impl PartialEq for Current {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.hidden, &other.hidden)
    }
}
impl Eq for Current {}
impl Hash for Current {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.hidden).hash(state);
    }
}

impl ScalarUDFImpl for Current {
    fn name(&self) -> &str {
        "is_current"
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let array = only_argument(args)?;
        let mut shown = Vec::with_capacity(array.len());
        for_each_binary(&array, |bytes| {
            let id: Option<[u8; 16]> = bytes.and_then(|bytes| bytes.try_into().ok());
            shown.push(id.is_none_or(|id| !self.hidden.contains(&id)));
        })?;
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(shown))))
    }
}

fn only_argument(args: ScalarFunctionArgs) -> Result<ArrayRef> {
    let rows = args.number_rows;
    match args.args.into_iter().next() {
        Some(value) => value.into_array(rows),
        None => exec_err!("an argument is missing"),
    }
}

fn for_each_binary(array: &ArrayRef, mut each: impl FnMut(Option<&[u8]>)) -> Result<()> {
    match array.data_type() {
        DataType::BinaryView => array.as_binary_view().iter().for_each(&mut each),
        DataType::Binary => as_generic_binary_array::<i32>(array)
            .iter()
            .for_each(&mut each),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().iter().for_each(&mut each),
        other => return exec_err!("expected binary, not {other}"),
    }
    Ok(())
}

fn write_hex(bytes: &[u8], digits: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    digits.clear();
    for byte in bytes {
        digits.push(DIGITS[usize::from(byte >> 4)]);
        digits.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// The bytes that [`hex`] would write as this text: lower-case digits, an even number of them.
pub(crate) fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes = text.as_bytes();
    if bytes.len() % 2 == 1 {
        return None;
    }
    bytes
        .chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_text_is_read_only_as_it_is_written() {
        let check = |text: &str, expect: Option<Vec<u8>>| assert_eq!(read_hex(text), expect);
        check("", Some(vec![]));
        check("00ff7a", Some(vec![0, 255, 0x7a]));
        check("00FF", None);
        check("0", None);
        check("é0", None);
        let mut digits = vec![];
        write_hex(&[0, 255, 0x7a], &mut digits);
        assert_eq!(digits, b"00ff7a");
    }
}
