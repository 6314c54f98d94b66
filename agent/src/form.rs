//! Message forms: what a send instruction's form operand points to.
//!
//! A form is 24 bytes in region 0: three u32 offsets of texts (name, argument types, result
//! type; 0 is none), a reserved u32, and an i64 deadline in nanoseconds (0 is the default).

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use flux_abi::trap::TrapKind;
use flux_isa::desc::Desc;
use flux_kcore::time::Span;
use flux_vm::Memory;

/// A form, read and parsed.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) name: String,
    pub(crate) arguments: Vec<Desc>,
    pub(crate) result: Option<Desc>,
    /// Given by `within`.
    pub(crate) deadline: Option<Span>,
}

impl Form {
    /// Reads the form at `at`.
    ///
    /// # Errors
    /// BAD_ACCESS if it does not lie inside, INVALID if its texts are no name and no types.
    pub(crate) fn read(memory: &Memory, at: u64) -> Result<Self, TrapKind> {
        let word = |offset: u64| {
            memory.read_u32(at.wrapping_add(offset)).map(u64::from).map_err(|_| TrapKind::BadAccess)
        };
        let text = |ptr: u64| {
            let bytes = memory.str(ptr).map_err(|_| TrapKind::BadAccess)?;
            core::str::from_utf8(bytes).map_err(|_| TrapKind::Invalid)
        };
        let result = text(word(8)?)?;
        let deadline = memory.read_u64(at.wrapping_add(16)).map_err(|_| TrapKind::BadAccess)?.cast_signed();
        Ok(Self {
            name: text(word(0)?)?.to_string(),
            arguments: Desc::parse_list(text(word(4)?)?).map_err(|_| TrapKind::Invalid)?,
            result: match result {
                "" => None,
                desc => Some(Desc::parse(desc).map_err(|_| TrapKind::Invalid)?),
            },
            deadline: (deadline > 0).then_some(Span::from_ns(deadline)),
        })
    }
}

/// Forms that an agent used, by offset. Only constants are kept: what lies there never changes.
#[derive(Debug, Default)]
pub(crate) struct FormCache(Vec<(u64, Arc<Form>)>);

impl FormCache {
    /// Most forms that are kept.
    const MOST: usize = 64;

    /// The form at `at`, if it is kept.
    pub(crate) fn kept(&self, at: u64) -> Option<&Arc<Form>> {
        self.0.iter().find(|(offset, _)| *offset == at).map(|(_, form)| form)
    }

    /// The form at `at`.
    ///
    /// # Errors
    /// As [`Form::read`].
    pub(crate) fn get(&mut self, memory: &Memory, at: u64) -> Result<Arc<Form>, TrapKind> {
        if let Some(form) = self.kept(at) {
            return Ok(Arc::clone(form));
        }
        let form = Arc::new(Form::read(memory, at)?);
        if at < memory.writable_base() && self.0.len() < Self::MOST {
            self.0.push((at, Arc::clone(&form)));
        }
        Ok(form)
    }
}
