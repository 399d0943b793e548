//! `report.json`: the [`Report`] as it is, and the schema that it keeps.

use std::io::{self, Write};

use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

use crate::Report;

/// Writes a report, or what else has a contract here, as JSON, for people too: indented, with a line end.
pub fn write_json(value: &impl Serialize, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// The JSON schema of `report.json`. A reader must ignore what it does not know: fields are added.
pub fn schema() -> Value {
    // As it is written, every field is there; as it could be read, many might be missing.
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Report>()
        .to_value()
}

/// The schema as it is committed and printed: indented, with a line end.
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}
