//! Functions of `fir` and `fluxasm` fences: numbers of functions and lines become those of the module.

use alloc::boxed::Box;

use super::{Shared, Unit};
use crate::fir::pack::Body;
use crate::fir::{FuncId, Inst};
use crate::lang::sema::tree::{GivenBody, GivenCode};

impl<'p, 's> Shared<'p, 's> {
    /// The body of a function in the module; machine code stands in the function itself.
    pub(super) fn given(&mut self, unit: &Unit<'p, 's>, body: &GivenBody) -> Body {
        let first = self.lines.word(body.start);
        // Lines of a fence count from 1; those of a document lie in the low bits of the word.
        let line = |line: u32| if line == 0 { 0 } else { first + line - 1 };
        let number = |func: FuncId| {
            let id = body.functions.get(func.index());
            let number = id.and_then(|id| self.numbers.get(id.index()).copied().flatten());
            number.unwrap_or(func)
        };
        match &body.code {
            GivenCode::Fir(function) => {
                let mut function = function.clone();
                for data in &mut function.insts {
                    data.line = line(data.line);
                    if let Inst::Call { func, .. } = &mut data.inst {
                        *func = number(*func);
                    }
                }
                for block in &mut function.blocks {
                    block.line = line(block.line);
                }
                Body::pack(&mut function)
            }
            GivenCode::Machine(given) => {
                let mut given = given.clone();
                for (_, func) in &mut given.functions {
                    *func = number(*func);
                }
                for row in &mut given.lines {
                    row.line = line(row.line);
                }
                let packed = Body::given(given.calls());
                if let Some(function) = self.module.functions.get_mut(unit.func.index()) {
                    function.given = Some(Box::new(given));
                }
                packed
            }
        }
    }
}
