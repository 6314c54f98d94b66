//! The text form of FIR, read.
//!
//! The grammar is what [`super::print`] writes; `;` begins a comment. Functions, blocks and
//! values are numbered from 0 in the order in which they are defined. The reader checks
//! form, numbering and limits; `verify` checks the rest.
//!
//! # Invariants
//! 1. Memory and time are linear in the text; nothing recurses.
//! 2. For a compact module, what was printed reads back as the same module.

use super::types::Type;
use super::{
    Block, BlockId, FuncId, Function, InstData, InstId, Module, Signature, Value, ValueDef, ValueId, limits,
};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

mod inst;

/// Bytes of FIR text that are read.
pub const TEXT_BYTES: usize = 64 << 20;

/// Why text is not FIR.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParseError {
    /// Line, counted from 1.
    pub line: u32,
    /// Column in bytes, counted from 1.
    pub column: u32,
    /// What was expected there, or what is over a limit.
    pub problem: ParseProblem,
}

/// What is wrong with the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParseProblem {
    /// Something else was expected.
    Expected(&'static str),
    /// A definition has another number than the next one.
    Number(&'static str, usize),
    /// More of something than the limit.
    Limit(&'static str, usize),
}

impl fmt::Display for ParseProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::Number(what, next) => write!(f, "expected {what}{next}: numbers follow the order"),
            Self::Limit(what, limit) => write!(f, "more than {limit} {what}"),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.problem)
    }
}

impl core::error::Error for ParseError {}

/// Reads a module.
///
/// # Errors
/// The first place where the text is not FIR.
pub fn parse(text: &str) -> Result<Module, ParseError> {
    Parser::new(text, Form::File)?.module()
}

/// What a `fir` fence holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fence {
    /// Its functions; those without blocks stand for functions of the document. Lines are those
    /// of the fence, counted from 1.
    pub module: Module,
    /// Where in the text the name of each function stands, its quotes left out.
    pub names: Vec<Range<usize>>,
}

/// Reads the inside of a fence: functions as in a module, whose lines are where they stand. The
/// header of the module and the marks of lines may be left out; a function without `{ … }`
/// stands for one of the document.
///
/// # Errors
/// The first place where the text is not FIR.
pub fn parse_fence(text: &str) -> Result<Fence, ParseError> {
    let mut parser = Parser::new(text, Form::Fence)?;
    let module = parser.module()?;
    Ok(Fence { module, names: parser.names })
}

/// Where the text stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// In a file, as it is printed.
    File,
    /// In a document.
    Fence,
}

type Parsed<T> = Result<T, ParseError>;

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
    line_start: usize,
    form: Form,
    /// Where the names of functions stand.
    names: Vec<Range<usize>>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, form: Form) -> Parsed<Self> {
        let parser = Self { text: text.as_bytes(), at: 0, line: 1, line_start: 0, form, names: Vec::new() };
        parser.within("bytes of text", text.len(), TEXT_BYTES + 1)?;
        Ok(parser)
    }

    fn error(&self, problem: ParseProblem) -> ParseError {
        let column = self.at.saturating_sub(self.line_start).saturating_add(1);
        ParseError { line: self.line, column: u32::try_from(column).unwrap_or(u32::MAX), problem }
    }

    fn expected<T>(&self, what: &'static str) -> Parsed<T> {
        Err(self.error(ParseProblem::Expected(what)))
    }

    fn within(&self, what: &'static str, count: usize, limit: usize) -> Parsed<()> {
        if count >= limit { Err(self.error(ParseProblem::Limit(what, limit))) } else { Ok(()) }
    }

    fn skip_space(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.line = self.line.saturating_add(1);
                    self.line_start = self.at;
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => {
                    while self.text.get(self.at).is_some_and(|&byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.get(self.at).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Parsed<()> {
        if self.accept(byte) { Ok(()) } else { self.expected(what) }
    }

    /// A word of letters, digits, `_` and `.`; empty if there is none.
    fn word(&mut self) -> &'a str {
        self.skip_space();
        let start = self.at;
        while self
            .text
            .get(self.at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
        {
            self.at += 1;
        }
        core::str::from_utf8(&self.text[start..self.at]).unwrap_or("")
    }

    /// Goes back to the start of `word`, which was just read, and fails there.
    fn wrong<T>(&mut self, word: &str, what: &'static str) -> Parsed<T> {
        self.at -= word.len();
        self.expected(what)
    }

    fn keyword(&mut self, keyword: &'static str) -> Parsed<()> {
        let word = self.word();
        if word == keyword { Ok(()) } else { self.wrong(word, keyword) }
    }

    /// Looks at the next word without taking it.
    fn peek_word(&mut self) -> &'a str {
        self.skip_space();
        let at = self.at;
        let word = self.word();
        self.at = at;
        word
    }

    fn number(&mut self) -> Parsed<u64> {
        self.skip_space();
        let negative = self.text.get(self.at) == Some(&b'-');
        if negative {
            self.at += 1;
        }
        let word = self.word();
        let parsed = match word.strip_prefix("0x") {
            Some(hex) if !negative => u64::from_str_radix(hex, 16).ok(),
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => {
                let magnitude = word.parse::<u64>().ok();
                if negative { magnitude.filter(|&m| m <= 1 << 63).map(u64::wrapping_neg) } else { magnitude }
            }
            _ => None,
        };
        match parsed {
            Some(number) => Ok(number),
            None => self.wrong(word, "a 64-bit number"),
        }
    }

    fn number32(&mut self) -> Parsed<u32> {
        let number = self.number()?;
        u32::try_from(number).or_else(|_| self.expected("a number below 2^32"))
    }

    fn offset(&mut self) -> Parsed<i32> {
        let number = self.number()?;
        i32::try_from(number.cast_signed()).or_else(|_| self.expected("a signed 32-bit number"))
    }

    /// A word of one letter and a number.
    fn entity(&mut self, prefix: char, what: &'static str, limit: usize) -> Parsed<usize> {
        let word = self.word();
        let number = word
            .strip_prefix(prefix)
            .filter(|digits| *digits == "0" || !digits.starts_with('0'))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse::<usize>().ok())
            .filter(|&number| number < limit);
        match number {
            Some(number) => Ok(number),
            None => self.wrong(word, what),
        }
    }

    fn value(&mut self) -> Parsed<ValueId> {
        self.entity('v', "a value such as v0", 2 * limits::INSTRUCTIONS).map(ValueId::new)
    }

    fn block(&mut self) -> Parsed<BlockId> {
        self.entity('b', "a block such as b1", limits::BLOCKS).map(BlockId::new)
    }

    fn func(&mut self) -> Parsed<FuncId> {
        self.entity('f', "a function such as f0", limits::FUNCTIONS).map(FuncId::new)
    }

    fn ty(&mut self) -> Parsed<Type> {
        let word = self.word();
        match Type::from_name(word) {
            Some(ty) => Ok(ty),
            None => self.wrong(word, "a type"),
        }
    }

    fn string(&mut self) -> Parsed<String> {
        self.expect(b'"', "a name in quotes")?;
        let mut name = String::new();
        loop {
            self.within("bytes of a name", name.len(), limits::NAME + 1)?;
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(name);
                }
                Some(b'\\') => {
                    self.at += 1;
                    name.push(self.escape()?);
                }
                Some(&byte) if (b' '..=b'~').contains(&byte) => {
                    self.at += 1;
                    name.push(char::from(byte));
                }
                _ => return self.expected("a printable character, an escape or a quote"),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        match self.text.get(self.at) {
            Some(&byte @ (b'"' | b'\\')) => {
                self.at += 1;
                Ok(char::from(byte))
            }
            Some(b'u') => {
                self.at += 1;
                if self.text.get(self.at) != Some(&b'{') {
                    return self.expected("{");
                }
                self.at += 1;
                let start = self.at;
                while self.at - start < 6 && self.text.get(self.at).is_some_and(u8::is_ascii_hexdigit) {
                    self.at += 1;
                }
                let digits = core::str::from_utf8(&self.text[start..self.at]).unwrap_or("");
                let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                match (c, self.text.get(self.at)) {
                    (Some(c), Some(b'}')) => {
                        self.at += 1;
                        Ok(c)
                    }
                    _ => self.expected("a character's number in hexadecimal"),
                }
            }
            _ => self.expected("an escape"),
        }
    }

    /// The line behind `@`; in a fence it is that of the text, `start`.
    fn line_mark(&mut self, start: u32) -> Parsed<u32> {
        let mark = if self.accept(b'@') { self.number32()? } else { 0 };
        Ok(match self.form {
            Form::File => mark,
            Form::Fence => start,
        })
    }

    /// The line of what comes next.
    fn next_line(&mut self) -> u32 {
        self.skip_space();
        self.line
    }

    fn module(&mut self) -> Parsed<Module> {
        let mut module = Module::default();
        if self.form == Form::File || self.peek_word() == "fir" {
            self.keyword("fir")?;
            module.name = self.string()?;
        }
        loop {
            match self.peek_word() {
                "data" if self.form == Form::Fence => {
                    return self.expected("func: data of a document are constants of `flux` code");
                }
                "data" => {
                    self.keyword("data")?;
                    self.data(&mut module.data)?;
                }
                "func" => {
                    self.keyword("func")?;
                    self.within("functions", module.functions.len(), limits::FUNCTIONS)?;
                    let function = self.function(module.functions.len())?;
                    module.functions.push(function);
                }
                _ if self.peek().is_none() => return Ok(module),
                _ => return self.expected("func, data or the end"),
            }
        }
    }

    fn data(&mut self, data: &mut Vec<u8>) -> Parsed<()> {
        let word = self.word();
        if word.is_empty() || !word.len().is_multiple_of(2) {
            return self.wrong(word, "bytes in hexadecimal");
        }
        self.within("bytes of data", data.len() + word.len() / 2, limits::DATA + 1)?;
        for pair in word.as_bytes().chunks(2) {
            let byte = core::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            match byte {
                Some(byte) => data.push(byte),
                None => return self.wrong(word, "bytes in hexadecimal"),
            }
        }
        Ok(())
    }

    fn function(&mut self, number: usize) -> Parsed<Function> {
        if self.func()?.index() != number {
            return Err(self.error(ParseProblem::Number("f", number)));
        }
        let start = self.next_line();
        let quote = self.at;
        let name = self.string()?;
        self.names.push(quote + 1..self.at - 1);
        let mut params = Vec::new();
        self.expect(b'(', "(")?;
        while !self.accept(b')') {
            if !params.is_empty() {
                self.expect(b',', ", or )")?;
            }
            self.within("parameters", params.len(), limits::PARAMETERS)?;
            params.push(self.ty()?);
        }
        self.expect(b'-', "->")?;
        self.expect(b'>', "->")?;
        let result = self.ty()?;
        let mut source = 0;
        if self.form == Form::File || self.peek_word() == "source" {
            self.keyword("source")?;
            source = self.number32()?;
        }
        let line = self.line_mark(start)?;
        let mut function =
            Function { name, signature: Signature { params, result }, source, line, ..Function::default() };
        if self.form == Form::Fence && self.peek() != Some(b'{') {
            return Ok(function);
        }
        self.expect(b'{', "{")?;
        if self.form == Form::Fence && self.peek() == Some(b'}') {
            return self.expected("a block such as b0:");
        }
        while !self.accept(b'}') {
            self.block_body(&mut function)?;
        }
        Ok(function)
    }

    fn define(&mut self, function: &mut Function, def: ValueDef) -> Parsed<ValueId> {
        let value = self.value()?;
        if value.index() != function.values.len() {
            return Err(self.error(ParseProblem::Number("v", function.values.len())));
        }
        self.expect(b':', ": and a type")?;
        let ty = self.ty()?;
        function.values.push(Value { ty, def });
        Ok(value)
    }

    fn block_body(&mut self, function: &mut Function) -> Parsed<()> {
        let id = self.block()?;
        if id.index() != function.blocks.len() {
            return Err(self.error(ParseProblem::Number("b", function.blocks.len())));
        }
        let mut block = Block::default();
        if self.accept(b'(') {
            while !self.accept(b')') {
                if !block.params.is_empty() {
                    self.expect(b',', ", or )")?;
                }
                self.within("parameters", block.params.len(), limits::PARAMETERS)?;
                let n = u32::try_from(block.params.len()).unwrap_or(u32::MAX);
                let param = self.define(function, ValueDef::Param(id, n))?;
                block.params.push(param);
            }
        }
        self.expect(b':', ": and a line end")?;
        loop {
            let start = self.next_line();
            if let Some(terminator) = self.terminator(function)? {
                block.terminator = terminator;
                block.line = self.line_mark(start)?;
                function.blocks.push(block);
                return Ok(());
            }
            self.within("instructions", function.insts.len(), limits::INSTRUCTIONS)?;
            let id = InstId::new(function.insts.len());
            let word = self.peek_word();
            let is_definition =
                word.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            let result = if is_definition {
                let value = self.define(function, ValueDef::Inst(id))?;
                self.expect(b'=', "=")?;
                Some(value)
            } else {
                None
            };
            let ty = result.map_or(Type::Void, |value| function.value_type(value));
            let inst = self.inst(function, ty)?;
            let line = self.line_mark(start)?;
            function.insts.push(InstData { inst, result, line });
            block.insts.push(id);
        }
    }

    fn comma(&mut self) -> Parsed<()> {
        self.expect(b',', ",")
    }
}
