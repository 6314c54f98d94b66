//! The code language: declarations, statements, expressions, types.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Ident, Param};
use crate::span::Span;

/// The statements of a code span, fence or braces.
#[derive(Clone, Debug, Default)]
pub struct CodeBlock<'s> {
    /// From the first character to the last, braces included if there are any.
    pub span: Span,
    /// The statements. Where a value is wanted, the last one must be [`StmtKind::Expr`].
    pub stmts: Vec<Stmt<'s>>,
}

/// A declaration.
#[derive(Clone, Debug)]
pub struct Item<'s> {
    /// The whole declaration.
    pub span: Span,
    /// What it declares.
    pub kind: ItemKind<'s>,
}

/// Declarations.
#[derive(Clone, Debug)]
pub enum ItemKind<'s> {
    /// `const NAME: T = v`.
    Const {
        /// The name.
        name: Ident<'s>,
        /// The type.
        ty: Option<Type<'s>>,
        /// The value.
        value: Expr<'s>,
        /// The language of the value.
        dialect: Dialect,
    },
    /// `struct S { a: int }`.
    Struct {
        /// The name.
        name: Ident<'s>,
        /// The fields.
        fields: Vec<Field<'s>>,
    },
    /// `enum E { A, B(f64) }`.
    Enum {
        /// The name.
        name: Ident<'s>,
        /// The variants.
        variants: Vec<Variant<'s>>,
    },
    /// A struct or enum whose text was not understood.
    InvalidType {
        /// The name.
        name: Ident<'s>,
    },
    /// `fn f(a: int) -> int { … }` or a `## fn:` section.
    Fn(FnDecl<'s>),
}

/// A field of a struct.
#[derive(Clone, Debug)]
pub struct Field<'s> {
    /// The name.
    pub name: Ident<'s>,
    /// The type.
    pub ty: Type<'s>,
}

/// A variant of an enum.
#[derive(Clone, Debug)]
pub struct Variant<'s> {
    /// The name.
    pub name: Ident<'s>,
    /// The payload; empty if there is none.
    pub payload: Vec<Type<'s>>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct FnDecl<'s> {
    /// The name.
    pub name: Ident<'s>,
    /// Name to return type.
    pub signature: Span,
    /// At most 256; each has a type.
    pub params: Vec<Param<'s>>,
    /// The result; nothing if left out.
    pub ret: Option<Type<'s>>,
    /// The body.
    pub body: CodeBlock<'s>,
    /// The language of the body.
    pub dialect: Dialect,
    /// What the body does to arrays and structs that belong to its caller; empty for flux code,
    /// which cannot.
    pub changes: Vec<Change<'s>>,
}

/// The language that code is written in: it decides which conversions are made unasked and what
/// arithmetic means.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Dialect {
    /// The code language itself.
    #[default]
    Flux,
    /// A `c` fence.
    C,
    /// A `python` fence.
    Python,
    /// A `fir` fence: the text form of the compiler's intermediate form.
    Fir,
    /// A `fluxasm` fence.
    Assembly,
}

impl Dialect {
    /// Tells whether the body is no syntax tree: it is read where types are known.
    pub const fn is_given(self) -> bool {
        matches!(self, Self::Fir | Self::Assembly)
    }
}

/// A parameter whose array or struct the body changes, or hands on to a function that may.
#[derive(Clone, Copy, Debug)]
pub struct Change<'s> {
    /// Which parameter, from 0.
    pub param: u32,
    /// The function that it is handed to, and as which of its parameters; `None` if the body changes it.
    pub passed_to: Option<(&'s str, u32)>,
}

/// A type as written.
#[derive(Clone, Debug)]
pub struct Type<'s> {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: TypeKind<'s>,
}

/// Types as written.
#[derive(Clone, Debug)]
pub enum TypeKind<'s> {
    /// A built-in or declared type; `duration` is one of the built-in names.
    Name(&'s str),
    /// `[T; n]`.
    Array(Box<Type<'s>>, Box<Expr<'s>>),
    /// `[T]`.
    List(Box<Type<'s>>),
    /// `map[K]V`.
    Map(Box<Type<'s>>, Box<Type<'s>>),
    /// `T?`.
    Optional(Box<Type<'s>>),
    /// `fn(A) -> B`.
    Fn(Vec<Type<'s>>, Option<Box<Type<'s>>>),
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt<'s> {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: StmtKind<'s>,
}

/// Statements.
#[derive(Clone, Debug)]
pub enum StmtKind<'s> {
    /// `let x: T = v`, `var x: T = v`.
    Let {
        /// `let` or `var`.
        mutability: Mutability,
        /// The name.
        name: Ident<'s>,
        /// The type, if written.
        ty: Option<Box<Type<'s>>>,
        /// The value; only a `var` with a type may be without.
        value: Option<Expr<'s>>,
    },
    /// `place = v`, `place += v`.
    Assign {
        /// A name, field or element.
        place: Expr<'s>,
        /// The operator of a compound assignment.
        op: Option<BinaryOp>,
        /// The value.
        value: Expr<'s>,
    },
    /// An expression; `if` and `match` are expressions.
    Expr(Expr<'s>),
    /// `while c { … }`.
    While {
        /// The condition.
        cond: Expr<'s>,
        /// The body.
        body: CodeBlock<'s>,
    },
    /// `for x in xs { … }`, `for i in 0..n { … }`.
    For {
        /// The variable.
        name: Ident<'s>,
        /// An [`ExprKind::Range`] or a collection.
        iter: Box<Expr<'s>>,
        /// The body.
        body: CodeBlock<'s>,
    },
    /// `{ … }` of C.
    Block(CodeBlock<'s>),
    /// `for (a; b; c) …`, `do … while (b)` of C; a `range` with a step of Python.
    Loop(Box<Loop<'s>>),
    /// `switch (v) { … }` of C.
    Switch {
        /// What is looked at.
        value: Expr<'s>,
        /// The cases in order.
        cases: Vec<SwitchCase<'s>>,
    },
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `return v`.
    Return(Option<Expr<'s>>),
    /// `expect c`, `expect c, "message"`.
    Expect {
        /// The condition.
        cond: Expr<'s>,
        /// What to say when it does not hold.
        message: Option<Expr<'s>>,
    },
}

/// A loop with all its parts.
#[derive(Clone, Debug)]
pub struct Loop<'s> {
    /// Before the first round, in the scope of the loop.
    pub init: Vec<Stmt<'s>>,
    /// Goes on while it holds; for ever if left out.
    pub cond: Option<Expr<'s>>,
    /// When the condition is looked at.
    pub test: LoopTest,
    /// The body.
    pub body: CodeBlock<'s>,
    /// After each round, also after `continue`.
    pub step: CodeBlock<'s>,
}

/// When the condition of a loop is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoopTest {
    /// Before each round.
    Before,
    /// After each round.
    After,
}

/// `case 1: case 2: …` with the statements down to the next case.
#[derive(Clone, Debug)]
pub struct SwitchCase<'s> {
    /// Labels to last statement.
    pub span: Span,
    /// Constants.
    pub labels: Vec<Expr<'s>>,
    /// Where `default:` stands, if it is one of the labels.
    pub default: Option<Span>,
    /// The statements; without a `break` at their end the next case goes on.
    pub body: CodeBlock<'s>,
}

/// Whether a local may be assigned again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mutability {
    /// `let`.
    Let,
    /// `var`.
    Var,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr<'s> {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: ExprKind<'s>,
}

/// Expressions. Those of steps and of code are the same; `x is above 3` is `x > 3`.
#[derive(Clone, Debug)]
pub enum ExprKind<'s> {
    /// `12`, `0x48`, `0b101`, `1_000`, `512KB`.
    Int(u64),
    /// `1.5`, `1e9`, `10%`.
    Float(f64),
    /// `true`, `false`; in steps also `on`, `off`.
    Bool(bool),
    /// `none`.
    None,
    /// `30s`, `500ms`: nanoseconds.
    Duration(i64),
    /// `"text {x}"`.
    Str(Vec<StrPart<'s>>),
    /// A name.
    Name(&'s str),
    /// `a.b`, `a?.b`.
    Field(Box<FieldAccess<'s>>),
    /// `a[i]`.
    Index {
        /// Array, map, string or bytes.
        base: Box<Expr<'s>>,
        /// Where in it.
        index: Box<Expr<'s>>,
    },
    /// `f(x)`.
    Call(Box<Call<'s>>),
    /// `a.f(x)`, `a?.f(x)`; also `Level.High(x)`.
    Method(Box<MethodCall<'s>>),
    /// `-a`, `!a`, `~a`, `not a`.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// The operand.
        operand: Box<Expr<'s>>,
    },
    /// `a + b`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// The left and the right operand, in one piece of memory.
        sides: Box<[Expr<'s>; 2]>,
    },
    /// `a as T`.
    Cast(Box<Cast<'s>>),
    /// `a..b`, `a..=b`.
    Range {
        /// The first value.
        start: Box<Expr<'s>>,
        /// The last value, or the one after it.
        end: Box<Expr<'s>>,
        /// Whether `end` belongs to it.
        bound: Bound,
    },
    /// `if c { … } else { … }`.
    If(Box<If<'s>>),
    /// `match v { … }`.
    Match(Box<Match<'s>>),
    /// `[a, b]`.
    Array(Vec<Expr<'s>>),
    /// `[a; n]`.
    ArrayRepeat {
        /// Each element.
        value: Box<Expr<'s>>,
        /// How many.
        count: Box<Expr<'s>>,
    },
    /// `{}`, `{"a": 1}`.
    Map(Vec<(Expr<'s>, Expr<'s>)>),
    /// `Reading { at: 1, value: 2.0 }`.
    Struct(Box<StructLiteral<'s>>),
    /// `{1, 2}`, `{.x = 1}` of C: what is left out is zero.
    Initializer(Vec<Init<'s>>),
    /// `sizeof v` of C.
    SizeOf(Box<Expr<'s>>),
    /// `sizeof(T)` of C.
    SizeOfType(Box<Type<'s>>),
    /// An operation of C or Python that has no operator.
    Provided(Provided, Vec<Expr<'s>>),
    /// `|x| x + 1`, `fn(x: int) -> int { … }`.
    Lambda(Box<Lambda<'s>>),
    /// An expression that has an error.
    Invalid,
}

/// `a.b`, `a?.b`.
#[derive(Clone, Debug)]
pub struct FieldAccess<'s> {
    /// What has the field.
    pub base: Expr<'s>,
    /// Its name.
    pub name: Ident<'s>,
    /// `.` or `?.`.
    pub access: Access,
}

/// `f(x)`.
#[derive(Clone, Debug)]
pub struct Call<'s> {
    /// A name, or any value that is a function.
    pub callee: Expr<'s>,
    /// The arguments.
    pub args: Vec<Expr<'s>>,
}

/// `a.f(x)`, `a?.f(x)`; also `Level.High(x)`.
#[derive(Clone, Debug)]
pub struct MethodCall<'s> {
    /// What the method is called on, or the enum.
    pub base: Expr<'s>,
    /// The method or variant.
    pub name: Ident<'s>,
    /// The arguments.
    pub args: Vec<Expr<'s>>,
    /// `.` or `?.`.
    pub access: Access,
}

/// `a as T`.
#[derive(Clone, Debug)]
pub struct Cast<'s> {
    /// What is converted.
    pub value: Expr<'s>,
    /// To what.
    pub ty: Type<'s>,
}

/// `if c { … } else { … }`.
#[derive(Clone, Debug)]
pub struct If<'s> {
    /// The condition.
    pub cond: Expr<'s>,
    /// When it holds.
    pub then: CodeBlock<'s>,
    /// When not; `else if` is a block of one [`ExprKind::If`].
    pub otherwise: Option<CodeBlock<'s>>,
}

/// `match v { … }`.
#[derive(Clone, Debug)]
pub struct Match<'s> {
    /// What is looked at.
    pub value: Expr<'s>,
    /// The arms.
    pub arms: Vec<MatchArm<'s>>,
}

/// `Reading { at: 1, value: 2.0 }`.
#[derive(Clone, Debug)]
pub struct StructLiteral<'s> {
    /// The type.
    pub name: Ident<'s>,
    /// The fields as given.
    pub fields: Vec<FieldInit<'s>>,
}

/// `|x| x + 1`, `fn(x: int) -> int { … }`.
#[derive(Clone, Debug)]
pub struct Lambda<'s> {
    /// The parameters.
    pub params: Vec<Param<'s>>,
    /// The result, if written.
    pub ret: Option<Type<'s>>,
    /// The body; `|x| e` is a block of one expression.
    pub body: CodeBlock<'s>,
}

/// `name: value` in a struct literal; `name` alone stands for `name: name`.
#[derive(Clone, Debug)]
pub struct FieldInit<'s> {
    /// The field.
    pub name: Ident<'s>,
    /// Its value.
    pub value: Expr<'s>,
}

/// A value of a C initializer.
#[derive(Clone, Debug)]
pub struct Init<'s> {
    /// `.field =` before it.
    pub field: Option<Ident<'s>>,
    /// The value.
    pub value: Expr<'s>,
}

/// Operations of C and Python that have no operator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Provided {
    /// Python's `round(x)`: the nearest whole number, halves to the even one, as an `int`.
    RoundEven,
    /// `fmod(a, b)`: remainder with the sign of a.
    FloatRem,
    /// Python's `bool(x)`: whether it is not zero or empty.
    Truth,
    /// Python's `list(x)`, `x[:]`, `x.copy()`, `copy.copy(x)`: a value of its own.
    Copy,
    /// Python's `len(text.encode())` and C's `strlen`: bytes of a text.
    TextBytes,
}

/// A piece of a string.
#[derive(Clone, Debug)]
pub enum StrPart<'s> {
    /// Text, escapes resolved.
    Text(Cow<'s, str>),
    /// `{expression}`.
    Expr(Expr<'s>),
    /// How the expression before it is shown: `:>8.2`.
    Shape(TextShape, Span),
}

/// How a value is shown in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TextShape {
    /// Where the value stands among the spaces.
    pub align: Align,
    /// Fewest characters.
    pub width: u16,
    /// Digits behind the point of a number.
    pub decimals: Option<u8>,
}

/// Where a value stands that is shorter than its width.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Align {
    /// Numbers at the right, everything else at the left.
    Usual,
    /// `<`
    Left,
    /// `>`
    Right,
    /// `^`
    Centre,
}

/// How a field or method is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// `.`
    Plain,
    /// `?.`: none if the base is none.
    Optional,
}

/// Whether a range holds its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Bound {
    /// `..`
    Exclusive,
    /// `..=`
    Inclusive,
}

/// Operators before an operand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `!`, `not`
    Not,
    /// `~`
    BitNot,
}

/// Operators between operands, weakest groups last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BinaryOp {
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// `&`
    BitAnd,
    /// `^`
    BitXor,
    /// `|`
    BitOr,
    /// `/` of Python: a float; traps on zero.
    TrueDiv,
    /// `//` of Python: towards minus infinity; traps on zero.
    FloorDiv,
    /// `%` of Python: with the sign of the divisor; traps on zero.
    FloorRem,
    /// `**` of Python: of integers it traps on overflow and on a negative exponent.
    Power,
    /// `<<` of Python: traps if a bit is lost.
    ShlExact,
    /// `>>` of Python: any count from 0 up.
    ShrAny,
    /// `??`
    Coalesce,
    /// `==`, `is`
    Eq,
    /// `!=`, `is not`
    Ne,
    /// `<`, `is below`
    Lt,
    /// `<=`, `is at most`
    Le,
    /// `>`, `is above`
    Gt,
    /// `>=`, `is at least`
    Ge,
    /// `&&`, `and`
    And,
    /// `||`, `or`
    Or,
}

/// An arm of a match.
#[derive(Clone, Debug)]
pub struct MatchArm<'s> {
    /// Pattern to body.
    pub span: Span,
    /// One or more patterns, `A | B`.
    pub patterns: Vec<MatchPattern<'s>>,
    /// `if c` after the patterns.
    pub guard: Option<Expr<'s>>,
    /// The body; `=> e` is a block of one statement.
    pub body: CodeBlock<'s>,
}

/// A pattern of a match.
#[derive(Clone, Debug)]
pub struct MatchPattern<'s> {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: MatchPatternKind<'s>,
}

/// Patterns.
#[derive(Clone, Debug)]
pub enum MatchPatternKind<'s> {
    /// `_`.
    Wildcard,
    /// `none`.
    None,
    /// `High`, `Level.High`, `High(over)`; also a lone lower-case name, which binds the value
    /// if no variant has that name. `some(x)` is the variant of an optional.
    Variant {
        /// The enum, if written.
        of: Option<Ident<'s>>,
        /// The variant.
        name: Ident<'s>,
        /// Patterns of the payload; `None` if there is no parenthesis.
        payload: Option<Vec<MatchPattern<'s>>>,
    },
    /// A literal, possibly negative.
    Literal(Expr<'s>),
    /// `1..5`, `1..=5` of literals.
    Range(Expr<'s>, Expr<'s>, Bound),
}

impl<'s> Expr<'s> {
    /// What it is a field or an element of.
    #[must_use]
    pub fn part_of(&self) -> Option<&Self> {
        match &self.kind {
            ExprKind::Field(field) => Some(&field.base),
            ExprKind::Index { base, .. } => Some(base),
            _ => None,
        }
    }

    /// Tells whether something can be assigned to it: a name, a field or an element.
    #[must_use]
    pub fn is_place(&self) -> bool {
        match &self.kind {
            ExprKind::Name(_) | ExprKind::Index { .. } | ExprKind::Invalid => true,
            ExprKind::Field(field) => matches!(field.access, Access::Plain),
            _ => false,
        }
    }
}

impl<'s> StrPart<'s> {
    /// A piece of owned text.
    #[must_use]
    pub const fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}
