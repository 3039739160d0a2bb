//! A result as the shared Redis keeps it: version, checksum, the whole key, where in the log it was read, columns, values.

use bytes::Bytes;
use query_cache_model::{Key, Lsn, Version};
use tokio_postgres::types::Type;
use xxhash_rust::xxh3::xxh3_64;

use crate::column::Column;
use crate::rows::{Rows, Table};

const FORMAT: u8 = 1;
/// The format and the checksum before everything else.
const HEAD: usize = 9;

/// The bytes of a result; none if a column's type is the database's own, which no other process knows by its number.
pub(crate) fn encode(key: &Key, version: Version, rows: &Rows) -> Option<Vec<u8>> {
    let table = rows.table();
    let mut body = Vec::with_capacity(table.data.len() + key.full().len() + 256);
    put(&mut body, key.full())?;
    body.extend_from_slice(&version.epoch.to_be_bytes());
    body.extend_from_slice(&version.lsn.0.to_be_bytes());
    number(&mut body, table.columns.len())?;
    for column in &table.columns {
        Type::from_oid(column.type_.oid())?;
        put(&mut body, column.name.as_bytes())?;
        body.extend_from_slice(&column.type_.oid().to_be_bytes());
    }
    number(&mut body, table.count)?;
    for cell in &table.cells {
        match cell {
            Some(range) => put(&mut body, table.data.get(range.clone())?)?,
            None => body.extend_from_slice(&u32::MAX.to_be_bytes()),
        }
    }
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&xxh3_64(&body).to_be_bytes());
    bytes.append(&mut body);
    Some(bytes)
}

/// The result of this key, and where in the log it was read; none if it is of another key, or damaged.
pub(crate) fn decode(key: &Key, bytes: Bytes) -> Option<(Version, Rows)> {
    let (head, body) = (bytes.get(..HEAD)?, bytes.get(HEAD..)?);
    let (format, checksum) = head.split_first()?;
    if *format != FORMAT || checksum != xxh3_64(body).to_be_bytes() {
        return None;
    }
    let mut reader = Reader { bytes: &bytes, at: HEAD };
    let full = reader.value()??;
    if bytes.get(full)? != key.full() {
        return None;
    }
    let version = Version { epoch: reader.long()?, lsn: Lsn(reader.long()?) };
    let mut columns = Vec::new();
    for _ in 0..reader.int()? {
        let name = std::str::from_utf8(bytes.get(reader.value()??)?).ok()?.to_owned();
        columns.push(Column { name, type_: Type::from_oid(reader.int()?)? });
    }
    let count = usize::try_from(reader.int()?).ok()?;
    let cells = (0..count.checked_mul(columns.len())?).map(|_| reader.value()).collect::<Option<Vec<_>>>()?;
    Some((version, Rows::new(Table { columns, count, cells, data: bytes })))
}

fn number(bytes: &mut Vec<u8>, number: usize) -> Option<()> {
    bytes.extend_from_slice(&u32::try_from(number).ok()?.to_be_bytes());
    Some(())
}

fn put(bytes: &mut Vec<u8>, value: &[u8]) -> Option<()> {
    number(bytes, value.len())?;
    bytes.extend_from_slice(value);
    Some(())
}

struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn int(&mut self) -> Option<u32> {
        let end = self.at.checked_add(4)?;
        let number = u32::from_be_bytes(self.bytes.get(self.at..end)?.try_into().ok()?);
        self.at = end;
        Some(number)
    }

    fn long(&mut self) -> Option<u64> {
        Some((u64::from(self.int()?) << 32) | u64::from(self.int()?))
    }

    /// Where the next value is; none within for NULL.
    fn value(&mut self) -> Option<Option<std::ops::Range<usize>>> {
        let length = self.int()?;
        if length == u32::MAX {
            return Some(None);
        }
        let start = self.at;
        self.at = start.checked_add(usize::try_from(length).ok()?)?;
        (self.at <= self.bytes.len()).then_some(Some(start..self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let column = |name: &str, type_| Column { name: name.to_owned(), type_ };
        let columns = vec![column("a", Type::INT4), column("b", Type::TEXT_ARRAY)];
        let cells = vec![Some(0..4), None, Some(4..8), Some(8..8)];
        Rows::new(Table { columns, count: 2, cells, data: Bytes::from_static(b"\0\0\0\x01\0\0\0\x02") })
    }

    #[test]
    fn a_result_survives_and_belongs_to_its_key() {
        let (key, version) = (Key::new(b"key"), Version { epoch: u64::MAX, lsn: Lsn(7) });
        let bytes = Bytes::from(encode(&key, version, &rows()).unwrap());
        let (read, again) = decode(&key, bytes.clone()).unwrap();
        assert_eq!((read, &again), (version, &rows()));
        assert_eq!(again.get(1).unwrap().try_get::<_, i32>("a").unwrap(), 2);
        assert_eq!(again.get(0).unwrap().try_get::<_, Option<Vec<String>>>(1).unwrap(), None);
        assert!(decode(&Key::new(b"other"), bytes).is_none());
    }

    #[test]
    fn whatever_is_damaged_is_nothing() {
        let key = Key::new(b"key");
        let bytes = encode(&key, Version { epoch: 1, lsn: Lsn(7) }, &rows()).unwrap();
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert!(decode(&key, damaged.into()).is_none(), "{index}");
            assert!(decode(&key, Bytes::copy_from_slice(&bytes[..index])).is_none(), "{index}");
        }
    }

    #[test]
    fn types_of_the_databases_own_are_not_shared() {
        let type_ = Type::new(
            "mood".to_owned(),
            20_000,
            tokio_postgres::types::Kind::Enum(vec![]),
            "public".to_owned(),
        );
        let table = Table {
            columns: vec![Column { name: "m".to_owned(), type_ }],
            count: 0,
            cells: vec![],
            data: Bytes::new(),
        };
        assert!(encode(&Key::new(b""), Version { epoch: 1, lsn: Lsn(1) }, &Rows::new(table)).is_none());
    }
}
