//! Arrow columns in the making: appended to row by row, checked once at the end.

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, BooleanBufferBuilder, Float64Array, Int64Array,
        NullBufferBuilder, StringArray, StringBuilder,
    },
    buffer::{Buffer, OffsetBuffer, ScalarBuffer},
    error::ArrowError,
};
use std::sync::Arc;

/// Text or bytes of varying length. Text is checked to be UTF-8 once, for the whole column.
pub(crate) struct BytesColumn {
    data: Vec<u8>,
    ends: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl BytesColumn {
    /// Room for `rows` of `bytes` each; more is made when needed.
    pub(crate) fn new(rows: usize, bytes: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        BytesColumn {
            data: Vec::with_capacity(rows * bytes),
            ends,
            nulls: NullBufferBuilder::new(rows),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
        self.commit();
    }

    /// Appends null for nothing.
    #[inline]
    pub(crate) fn push_or_null(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.push_nulls(1);
        } else {
            self.push(bytes);
        }
    }

    pub(crate) fn push_nulls(&mut self, count: usize) {
        let end = self.end();
        self.ends.resize(self.ends.len() + count, end);
        self.nulls.append_n_nulls(count);
    }

    /// Where the bytes of the next row are written by hand; [`commit`](Self::commit) ends the row.
    pub(crate) fn open(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// Ends a row whose bytes were written by hand.
    #[inline]
    pub(crate) fn commit(&mut self) {
        let end = self.end();
        self.ends.push(end);
        self.nulls.append_non_null();
    }

    fn end(&self) -> i32 {
        i32::try_from(self.data.len())
            .expect("a request and what it repeats are limited to far less than 2 GiB")
    }

    pub(crate) fn binary(mut self) -> ArrayRef {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let data = Buffer::from_vec(self.data);
        Arc::new(BinaryArray::new(offsets, data, self.nulls.finish()))
    }

    /// The text; what is not UTF-8 is replaced, and counted in `replaced`.
    pub(crate) fn text(mut self, replaced: &mut u64) -> ArrayRef {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let data = Buffer::from_vec(self.data);
        let nulls = self.nulls.finish();
        if let Ok(text) = StringArray::try_new(offsets.clone(), data.clone(), nulls.clone()) {
            return Arc::new(text);
        }
        let broken = BinaryArray::new(offsets, data, nulls);
        let mut text = StringBuilder::new();
        for value in &broken {
            let value = value.map(String::from_utf8_lossy);
            if matches!(value, Some(std::borrow::Cow::Owned(_))) {
                *replaced += 1;
            }
            text.append_option(value);
        }
        Arc::new(text.finish())
    }
}

/// Text that is the same for many rows: written once, repeated by number.
pub(crate) struct SharedColumn {
    values: BytesColumn,
    rows: Vec<Option<i32>>,
}

impl SharedColumn {
    /// Room for `rows`.
    pub(crate) fn new(rows: usize) -> Self {
        SharedColumn {
            values: BytesColumn::new(1, 0),
            rows: Vec::with_capacity(rows),
        }
    }

    /// The same, for these texts: their numbers are their places.
    pub(crate) fn of(texts: &[&str], rows: usize) -> Self {
        let mut column = SharedColumn::new(rows);
        for text in texts {
            column.values.push(text.as_bytes());
        }
        column
    }

    /// The number of a text for [`push`](Self::push); none for no text.
    pub(crate) fn share(&mut self, text: &[u8]) -> Option<i32> {
        if text.is_empty() {
            return None;
        }
        self.values.push(text);
        i32::try_from(self.values.len() - 1).ok()
    }

    /// Appends a row.
    #[inline]
    pub(crate) fn push(&mut self, text: Option<i32>) {
        self.rows.push(text);
    }

    /// The column; what is not UTF-8 is replaced, and counted in `replaced`.
    pub(crate) fn finish(self, replaced: &mut u64) -> Result<ArrayRef, ArrowError> {
        store::shared(self.rows, self.values.text(replaced))
    }
}

/// Numbers.
pub(crate) struct NumberColumn<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

impl<T: Copy + Default> NumberColumn<T> {
    pub(crate) fn new(rows: usize) -> Self {
        NumberColumn {
            values: Vec::with_capacity(rows),
            nulls: NullBufferBuilder::new(rows),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        self.values.push(value);
        self.nulls.append_non_null();
    }

    pub(crate) fn push_nulls(&mut self, count: usize) {
        self.values.resize(self.values.len() + count, T::default());
        self.nulls.append_n_nulls(count);
    }
}

impl NumberColumn<i64> {
    /// Appends null for zero.
    pub(crate) fn push_or_null(&mut self, value: i64) {
        if value == 0 {
            self.push_nulls(1);
        } else {
            self.push(value);
        }
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(Int64Array::new(self.values.into(), self.nulls.finish()))
    }
}

impl NumberColumn<f64> {
    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(Float64Array::new(self.values.into(), self.nulls.finish()))
    }
}

/// Truth values.
pub(crate) struct BoolColumn {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

impl BoolColumn {
    pub(crate) fn new(rows: usize) -> Self {
        BoolColumn {
            values: BooleanBufferBuilder::new(rows),
            nulls: NullBufferBuilder::new(rows),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn push(&mut self, value: bool) {
        self.values.append(value);
        self.nulls.append_non_null();
    }

    pub(crate) fn push_nulls(&mut self, count: usize) {
        self.values.append_n(count, false);
        self.nulls.append_n_nulls(count);
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        Arc::new(BooleanArray::new(self.values.finish(), self.nulls.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;

    #[test]
    fn text_that_is_not_utf8_is_replaced_and_the_rest_kept() {
        let mut column = BytesColumn::new(4, 0);
        // Each value is broken although both together are one good character.
        for value in [b"good".as_slice(), b"\xc3", b"\xa9", b""] {
            column.push(value);
        }
        column.push_nulls(1);
        let mut replaced = 0;
        let text = column.text(&mut replaced);
        let text: Vec<_> = text.as_string::<i32>().iter().collect();
        let broken = Some("\u{fffd}");
        assert_eq!(text, [Some("good"), broken, broken, Some(""), None]);
        assert_eq!(replaced, 2);
    }
}
