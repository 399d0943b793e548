//! Values of the interface's types, laid out in a guest's memory as the canonical ABI wants them, or nearly.

use arbitrary::{Result, Unstructured};
use wit_parser::{Int, Type, TypeDefKind};

use super::guest::{HEAP, IMAGE, Interface};

/// Texts that are in the way of something: of HTTP, of UTF-8, of one line.
const TEXTS: [&[u8]; 10] = [
    b"",
    b"content-length",
    b"Transfer-Encoding",
    b"x-\r\ny: z",
    b"chunked",
    "na\u{ef}ve\u{202e}".as_bytes(),
    b"\xff\xfe",
    b"\0",
    b"data: [DONE]\n\n",
    b"a",
];
/// Numbers at which something ends.
const NUMBERS: [u64; 12] =
    [0, 1, 99, 100, 199, 200, 204, 599, 1_000, u32::MAX as u64, i64::MAX as u64, u64::MAX];
/// Different items of a list.
const ITEMS: usize = 6;
/// Items of a list that goes on and on: beyond what some verdict may have.
const MANY: [usize; 4] = [1_001, 10_001, 30_000, 40_000];
/// Room for a value and what it points at; beyond it everything is empty.
const ROOM: usize = 64 << 10;

/// A guest's memory from [`IMAGE`] on, being written.
pub(crate) struct Image<'a> {
    interface: &'a Interface,
    bytes: Vec<u8>,
}

impl<'a> Image<'a> {
    /// A value of type `ty`, and perhaps some damage.
    pub(crate) fn of(interface: &'a Interface, ty: Type, from: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let mut image = Self { interface, bytes: Vec::new() };
        let at = image.room(ty, 1);
        image.value(ty, at, from)?;
        for _ in 0..from.int_in_range(0..=2_u8)?.saturating_sub(1) {
            let spot = from.choose_index(image.bytes.len())?;
            image.bytes[spot] = from.arbitrary()?;
        }
        Ok(image.bytes)
    }

    /// Room for `count` values; its place among the bytes.
    fn room(&mut self, ty: Type, count: usize) -> usize {
        let sizes = &self.interface.sizes;
        let at = self.bytes.len().next_multiple_of(sizes.align(&ty).align_wasm32());
        self.bytes.resize(at + count * sizes.size(&ty).size_wasm32(), 0);
        at
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A pointer and a length.
    fn span(&mut self, at: usize, pointer: usize, length: u32) {
        self.put(at, &(IMAGE.wrapping_add(pointer as u32)).to_le_bytes());
        self.put(at + 4, &length.to_le_bytes());
    }

    fn value(&mut self, ty: Type, at: usize, from: &mut Unstructured<'_>) -> Result<()> {
        if self.bytes.len() > ROOM {
            return Ok(());
        }
        match ty {
            Type::Bool | Type::U8 | Type::S8 => self.put(at, &[from.arbitrary()?]),
            Type::String => self.text(at, from)?,
            Type::Id(id) => self.defined(&self.interface.resolve.types[id].kind, at, from)?,
            number => {
                let size = self.interface.sizes.size(&number).size_wasm32();
                let value = if from.arbitrary()? { *from.choose(&NUMBERS)? } else { from.arbitrary()? };
                self.put(at, &value.to_le_bytes()[..size]);
            }
        }
        Ok(())
    }

    fn text(&mut self, at: usize, from: &mut Unstructured<'_>) -> Result<()> {
        if from.ratio(1, 16)? {
            return self.far(at, from);
        }
        let text: &[u8] = if from.arbitrary()? { b"x-plain" } else { from.choose(&TEXTS)? };
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.span(at, begin, text.len() as u32);
        Ok(())
    }

    /// A list that lies where nothing was written, or where there is no memory.
    fn far(&mut self, at: usize, from: &mut Unstructured<'_>) -> Result<()> {
        let pointer = *from.choose(&[0, IMAGE, HEAP / 2, HEAP, u32::MAX - 7])?;
        let length = *from.choose(&[0, 1, 1_001, 10_001, 40_000, HEAP / 2, u32::MAX])?;
        self.put(at, &pointer.to_le_bytes());
        self.put(at + 4, &length.to_le_bytes());
        Ok(())
    }

    fn list(&mut self, item: Type, at: usize, from: &mut Unstructured<'_>) -> Result<()> {
        if from.ratio(1, 8)? {
            return self.far(at, from);
        }
        if item == Type::U8 {
            return self.text(at, from);
        }
        let size = self.interface.sizes.size(&item).size_wasm32();
        let different = from.int_in_range(0..=ITEMS)?;
        let begin = self.room(item, different);
        (0..different).try_for_each(|index| self.value(item, begin + index * size, from))?;
        if different == 0 || !from.ratio(1, 8)? {
            self.span(at, begin, different as u32);
            return Ok(());
        }
        // The same few, over and over.
        let count = *from.choose(&MANY)?;
        let items = self.bytes[begin..begin + different * size].to_vec();
        let begin = self.room(item, count);
        for (index, byte) in items.iter().cycle().take(count * size).enumerate() {
            self.bytes[begin + index] = *byte;
        }
        self.span(at, begin, count as u32);
        Ok(())
    }

    fn defined(&mut self, kind: &'a TypeDefKind, at: usize, from: &mut Unstructured<'_>) -> Result<()> {
        match kind {
            TypeDefKind::Type(ty) => self.value(*ty, at, from),
            TypeDefKind::List(item) => self.list(*item, at, from),
            TypeDefKind::Record(record) => self.fields(record.fields.iter().map(|field| &field.ty), at, from),
            TypeDefKind::Tuple(tuple) => self.fields(&tuple.types, at, from),
            TypeDefKind::Flags(_) | TypeDefKind::Enum(_) => {
                let case = from.int_in_range(0..=8)?;
                self.put(at, &[case]);
                Ok(())
            }
            TypeDefKind::Variant(variant) => {
                let cases: Vec<Option<&Type>> = variant.cases.iter().map(|case| case.ty.as_ref()).collect();
                self.case(variant.tag(), &cases, at, from)
            }
            TypeDefKind::Option(some) => self.case(Int::U8, &[None, Some(some)], at, from),
            TypeDefKind::Result(result) => {
                self.case(Int::U8, &[result.ok.as_ref(), result.err.as_ref()], at, from)
            }
            other => panic!("the interface has a {} now: lay it out here", other.as_str()),
        }
    }

    fn fields<'t>(
        &mut self,
        types: impl IntoIterator<Item = &'t Type>,
        at: usize,
        from: &mut Unstructured<'_>,
    ) -> Result<()> {
        let offsets = self.interface.sizes.field_offsets(types);
        offsets.into_iter().try_for_each(|(offset, ty)| self.value(*ty, at + offset.size_wasm32(), from))
    }

    fn case(
        &mut self,
        tag: Int,
        cases: &[Option<&Type>],
        at: usize,
        from: &mut Unstructured<'_>,
    ) -> Result<()> {
        let case = from.choose_index(cases.len())?;
        self.put(at, &[case as u8]);
        let Some(ty) = cases[case] else { return Ok(()) };
        let offset = self.interface.sizes.payload_offset(tag, cases.iter().copied()).size_wasm32();
        self.value(*ty, at + offset, from)
    }
}
