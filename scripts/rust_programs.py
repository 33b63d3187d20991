"""Small programs for the corpus that rustc is calibrated with (scripts/make-rust-corpus): together they have most of the language."""
PROGRAMS = {
    'generics': '''use std::fmt::Debug;
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
struct Pair<A, B> { first: A, second: B }
impl<A: Clone + Debug, B: Clone + Debug> Pair<A, B> { fn swapped(&self) -> Pair<B, A> { Pair { first: self.second.clone(), second: self.first.clone() } } }
trait Area { const SIDES: u32; fn area(&self) -> f64; fn twice(&self) -> f64 { self.area() * 2.0 } }
struct Square(f64);
struct Circle { radius: f64 }
impl Area for Square { const SIDES: u32 = 4; fn area(&self) -> f64 { self.0 * self.0 } }
impl Area for Circle { const SIDES: u32 = 0; fn area(&self) -> f64 { std::f64::consts::PI * self.radius.powi(2) } }
fn sides<T: Area>(_: &T) -> u32 { T::SIDES }
fn main() {
    let pair = Pair { first: 1u8, second: "two" };
    println!("{:?} {:#?} {}", pair, pair.swapped(), pair < pair.clone());
    println!("{} {} {:.3}", sides(&Square(2.0)), sides(&Circle { radius: 1.0 }), Square(1.5).twice() + Circle { radius: 0.5 }.twice());
}
''',
    'dynamic': '''use std::rc::{Rc, Weak};
use std::cell::RefCell;
trait Shape { fn name(&self) -> String; fn scale(&mut self, by: i32); }
#[derive(Clone)] struct Line(i32);
struct Group { parts: Vec<Box<dyn Shape>>, parent: RefCell<Weak<Group>> }
impl Shape for Line { fn name(&self) -> String { format!("line {}", self.0) } fn scale(&mut self, by: i32) { self.0 *= by; } }
impl Shape for Group {
    fn name(&self) -> String { self.parts.iter().map(|part| part.name()).collect::<Vec<_>>().join(", ") }
    fn scale(&mut self, by: i32) { for part in self.parts.iter_mut() { part.scale(by); } }
}
impl Drop for Group { fn drop(&mut self) { println!("dropped {}", self.parts.len()); } }
fn main() {
    let root = Rc::new(Group { parts: vec![], parent: RefCell::new(Weak::new()) });
    let mut group = Group { parts: vec![Box::new(Line(3)), Box::new(Line(4))], parent: RefCell::new(Rc::downgrade(&root)) };
    group.scale(5);
    let any: &dyn Shape = &group;
    println!("{} {}", any.name(), group.parent.borrow().upgrade().is_some());
}
''',
    'closures': '''fn compose<A, B, C>(f: impl Fn(A) -> B, g: impl Fn(B) -> C) -> impl Fn(A) -> C { move |x| g(f(x)) }
fn counter() -> Box<dyn FnMut() -> u32> { let mut n = 0; Box::new(move || { n += 1; n }) }
fn apply(all: &[fn(i64) -> i64], value: i64) -> i64 { all.iter().fold(value, |v, f| f(v)) }
fn main() {
    let mut next = counter();
    println!("{} {} {}", next(), next(), compose(|x: i32| x + 1, |y| y * 10)(4));
    println!("{}", apply(&[|x| x * x, |x| x - 7, i64::abs], -6));
    let text = String::from("kept"); let once = move || text; println!("{}", once());
}
''',
    'iterators': '''use std::collections::BTreeMap;
struct Primes { found: Vec<u32>, at: u32 }
impl Iterator for Primes {
    type Item = u32;
    fn next(&mut self) -> Option<u32> {
        loop { self.at += 1; if self.found.iter().take_while(|p| **p * **p <= self.at).all(|p| self.at % p != 0) { self.found.push(self.at); return Some(self.at); } }
    }
}
fn main() {
    let sum: u32 = Primes { found: vec![], at: 1 }.skip(3).step_by(2).take_while(|p| *p < 300).filter(|p| p % 3 == 1).sum();
    let mut lengths = BTreeMap::new();
    for word in "some words of several lengths and some words more".split_whitespace() { lengths.entry(word.len()).or_insert_with(Vec::new).push(word); }
    let zipped: Vec<(usize, char)> = "abc".chars().rev().enumerate().collect();
    let (even, odd): (Vec<i32>, Vec<i32>) = (0..20).partition(|x| x % 2 == 0);
    println!("{sum} {lengths:?} {zipped:?} {:?} {:?}", even.windows(3).map(|w| w.iter().product::<i32>()).max(), odd.chunks(4).last());
}
''',
    'floats': '''fn mandelbrot(re: f64, im: f64) -> u32 { let (mut x, mut y) = (0.0, 0.0); for n in 0..100 { let t = x * x - y * y + re; y = 2.0 * x * y + im; x = t; if x * x + y * y > 4.0 { return n; } } 100 }
fn dot(a: &[f32], b: &[f32]) -> f32 { a.iter().zip(b).map(|(x, y)| x.mul_add(*y, 0.5)).sum() }
fn main() {
    for row in -3..4 { let line: String = (-8..4).map(|c| if mandelbrot(c as f64 / 4.0, row as f64 / 3.0) > 50 { '#' } else { '.' }).collect(); println!("{line}"); }
    println!("{} {:e} {:?} {:08.3} {}", dot(&[1.0; 9], &[2.5; 9]), 1.0e-310f64, f64::NAN, -2.5f32, (1e20f64 as u8) as f32);
    println!("{:?}", [f64::MAX.sqrt(), 2f64.powf(0.5), (-0.0f64).signum(), 7.5f64.rem_euclid(-2.0), f64::from_bits(0x7ff0_0000_0000_0001)]);
}
''',
    'wide': '''fn power(mut base: u128, mut exponent: u32, modulus: u128) -> u128 { let mut r = 1; while exponent > 0 { if exponent & 1 == 1 { r = r * base % modulus; } base = base * base % modulus; exponent >>= 1; } r }
fn main() {
    println!("{} {:x} {}", power(3, 200, 1_000_000_007), u128::MAX / 10, i128::MIN.wrapping_sub(1));
    println!("{:?} {:?} {:?}", 5u8.checked_sub(6), i32::MAX.overflowing_add(1), 250u8.saturating_add(10));
    println!("{} {} {}", 0x1234u16.swap_bytes(), (1u64 << 40).leading_zeros(), u32::from_str_radix("zz", 36).unwrap().rotate_left(7));
}
''',
    'asynchronous': '''use std::future::Future;
use std::pin::{pin, Pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
struct Nobody;
impl Wake for Nobody { fn wake(self: Arc<Self>) {} }
struct Later(u32);
impl Future for Later { type Output = u32; fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<u32> { if self.0 == 0 { return Poll::Ready(9); } self.0 -= 1; context.waker().wake_by_ref(); Poll::Pending } }
async fn sum(n: u32) -> Result<u32, String> { let mut all = 0; for i in 0..n { all += Later(i).await + step(i).await?; } Ok(all) }
async fn step(i: u32) -> Result<u32, String> { if i > 50 { Err(format!("too many: {i}")) } else { Ok(i * 2) } }
fn main() {
    let waker = Arc::new(Nobody).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(async { (sum(4).await, sum(60).await) });
    loop { if let Poll::Ready(result) = future.as_mut().poll(&mut context) { println!("{result:?}"); break; } }
}
''',
    'constants': '''struct Matrix<const R: usize, const C: usize>([[i32; C]; R]);
impl<const R: usize, const C: usize> Matrix<R, C> {
    const fn identity() -> Self { let mut m = [[0; C]; R]; let mut i = 0; while i < R && i < C { m[i][i] = 1; i += 1; } Matrix(m) }
    fn times<const D: usize>(&self, other: &Matrix<C, D>) -> Matrix<R, D> { let mut m = [[0; D]; R]; for i in 0..R { for j in 0..D { for k in 0..C { m[i][j] += self.0[i][k] * other.0[k][j]; } } } Matrix(m) }
}
const fn table() -> [u32; 256] { let mut t = [0; 256]; let mut i = 0; while i < 256 { let mut c = i as u32; let mut k = 0; while k < 8 { c = if c & 1 == 1 { 0xedb88320 ^ (c >> 1) } else { c >> 1 }; k += 1; } t[i] = c; i += 1; } t }
static TABLE: [u32; 256] = table();
fn main() {
    let m = Matrix([[1, 2, 3], [4, 5, 6]]).times(&Matrix::<3, 3>::identity()).times(&Matrix([[7], [8], [9]]));
    println!("{:?} {:08x}", m.0, !b"some bytes".iter().fold(!0u32, |c, b| TABLE[((c ^ *b as u32) & 255) as usize] ^ (c >> 8)));
}
''',
    'threads': '''use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::sync::{mpsc, Arc, Mutex, OnceLock, RwLock};
use std::thread;
thread_local! { static MINE: Cell<u32> = const { Cell::new(5) }; static LAZY: std::cell::RefCell<Vec<u32>> = std::cell::RefCell::new(vec![]); }
static ALL: AtomicU64 = AtomicU64::new(0);
static ONCE: OnceLock<String> = OnceLock::new();
static mut RAW: [u8; 16] = [7; 16];
fn main() {
    let shared = Arc::new((Mutex::new(0u32), RwLock::new(vec![1])));
    let (send, receive) = mpsc::channel();
    let threads: Vec<_> = (0..3).map(|n| { let (shared, send) = (shared.clone(), send.clone()); thread::spawn(move || {
        MINE.with(|m| m.set(m.get() + n)); LAZY.with(|l| l.borrow_mut().push(n)); ALL.fetch_add(n as u64, SeqCst); ALL.compare_exchange(100, 1, AcqRel, Relaxed).ok();
        *shared.0.lock().unwrap() += MINE.with(Cell::get); shared.1.write().unwrap().push(n); send.send(n).unwrap(); }) }).collect();
    drop(send);
    for each in threads { each.join().unwrap(); }
    println!("{} {} {} {}", receive.iter().sum::<u32>(), shared.0.lock().unwrap(), ONCE.get_or_init(|| "once".into()), unsafe { RAW[3] });
}
''',
    'assembly': '''use std::arch::{asm, global_asm};
global_asm!(".globl seven_of_assembly", "seven_of_assembly:", "mov w0, #7", "ret");
extern "C" { fn seven_of_assembly() -> i32; fn strlen(text: *const std::ffi::c_char) -> usize; }
#[no_mangle] pub extern "C" fn called(a: u64, b: u64) -> u64 { let r: u64; unsafe { asm!("add {0}, {1}, {2}", "eor {0}, {0}, {1}", out(reg) r, in(reg) a, in(reg) b, options(pure, nomem, nostack)); } r }
#[repr(C, packed)] struct Packed { a: u8, b: u32 }
union Both { int: u32, float: f32 }
#[link_section = ".own"] #[used] static TEXT: [u8; 4] = *b"own\\0";
#[inline(never)] #[target_feature(enable = "neon")] unsafe fn vectors(a: &[u8; 16]) -> u8 { use std::arch::aarch64::*; vaddvq_u8(vld1q_u8(a.as_ptr())) }
fn main() {
    let packed = Packed { a: 1, b: 2 };
    unsafe { println!("{} {} {} {} {}", seven_of_assembly(), strlen(c"four".as_ptr()), Both { float: 1.0 }.int, vectors(&[3; 16]), std::ptr::addr_of!(packed.b).read_unaligned() + packed.a as u32); }
    println!("{} {}", called(3, 4), TEXT[0]);
}
''',
    'panics': '''use std::panic;
struct Guard(&'static str);
impl Drop for Guard { fn drop(&mut self) { eprintln!("left {}", self.0); } }
#[track_caller] fn checked(values: &[i32], at: usize) -> i32 { let _guard = Guard("checked"); assert!(at != 3, "not {at}"); values[at] / (at as i32 - 1) }
fn nested(depth: u32) -> Result<u32, Box<dyn std::error::Error>> { if depth == 0 { let n: u32 = "x1".parse()?; return Ok(n); } let _guard = Guard("nested"); nested(depth - 1).map(|n| n + 1) }
fn main() {
    for at in 0..5 { println!("{:?}", panic::catch_unwind(|| checked(&[1, 2, 3, 4], at)).map_err(|e| e.downcast_ref::<String>().cloned())); }
    println!("{:?} {}", nested(3).map_err(|e| e.to_string()), match nested(1) { Ok(_) => unreachable!(), Err(e) => e.to_string().len() });
}
''',
    'formatting': '''use std::fmt::{self, Display, Write};
struct Money(i64);
impl Display for Money { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { if f.alternate() { write!(f, "EUR ")?; } f.pad_integral(self.0 >= 0, "", &format!("{}.{:02}", self.0.abs() / 100, self.0.abs() % 100)) } }
#[derive(Debug)] #[allow(dead_code)] enum Tree { Leaf, Node { left: Box<Tree>, value: Option<(u8, char)>, right: Box<Tree> } }
fn main() {
    let mut text = String::new();
    write!(text, "{:>10}|{:<+8}|{:^#9}|{:08}", Money(12345), Money(-7), Money(99), Money(5)).unwrap();
    let width = 6; println!("{text} {:#010b} {:#x} {:?} {:width$.2} {:p}", 37, 255, "tab\\t\\u{1f600}\\"", 3.14159, std::ptr::null::<u8>());
    println!("{:#?}", Tree::Node { left: Box::new(Tree::Leaf), value: Some((1, 'x')), right: Box::new(Tree::Leaf) });
}
''',
    'maps': '''use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::cmp::Reverse;
use std::hash::{BuildHasherDefault, Hasher};
#[derive(Default)] struct Simple(u64);
impl Hasher for Simple { fn finish(&self) -> u64 { self.0 } fn write(&mut self, bytes: &[u8]) { for b in bytes { self.0 = (self.0 ^ *b as u64).wrapping_mul(0x100000001b3); } } }
fn shortest(edges: &HashMap<u32, Vec<(u32, u64)>, BuildHasherDefault<Simple>>, from: u32) -> Vec<(u32, u64)> {
    let (mut best, mut heap) = (HashMap::new(), BinaryHeap::from([Reverse((0, from))]));
    while let Some(Reverse((cost, at))) = heap.pop() { if best.contains_key(&at) { continue; } best.insert(at, cost); for (to, more) in edges.get(&at).into_iter().flatten() { heap.push(Reverse((cost + more, *to))); } }
    let mut found: Vec<_> = best.into_iter().collect(); found.sort_unstable(); found
}
fn main() {
    let mut edges = HashMap::default();
    for n in 0..20u32 { edges.entry(n % 7).or_insert_with(Vec::new).push((n * 3 % 11, n as u64 % 5 + 1)); }
    let seen: HashSet<char> = "mississippi".chars().collect(); let mut queue: VecDeque<_> = (1..5).collect(); queue.rotate_left(2);
    println!("{:?} {} {queue:?}", shortest(&edges, 0), seen.len());
}
''',
    'slices': '''use std::borrow::Cow;
fn binary<T: Ord>(all: &[T], wanted: &T) -> Result<usize, usize> { let (mut low, mut high) = (0, all.len()); while low < high { let mid = low + (high - low) / 2; match all[mid].cmp(wanted) { std::cmp::Ordering::Equal => return Ok(mid), std::cmp::Ordering::Less => low = mid + 1, _ => high = mid } } Err(low) }
fn cleaned(text: &str) -> Cow<'_, str> { if text.contains('-') { Cow::Owned(text.replace('-', "_")) } else { Cow::Borrowed(text) } }
fn first_words<'a>(lines: &'a [&'a str]) -> impl Iterator<Item = &'a str> + 'a { lines.iter().filter_map(|l| l.split(' ').next()) }
fn main() {
    let mut all = vec![9, 4, 7, 1, 8, 2]; all.sort(); all.dedup_by_key(|x| *x / 2); all.retain(|x| x % 5 != 0); all.extend_from_slice(&[40, 50]);
    if let [first, .., last] = all[..] { println!("{first} {last} {:?}", binary(&all, &7)); }
    println!("{} {} {:?}", cleaned("a-b"), cleaned("ab"), first_words(&["one two", "three"]).collect::<Vec<_>>());
    println!("{:?}", "gr\\u{fc}\\u{df}e".char_indices().map(|(i, c)| (i, c.len_utf8(), c.to_uppercase().to_string())).collect::<Vec<_>>());
}
''',
    'macros': '''macro_rules! numbers { ($($name:ident = $value:expr),* $(,)?) => { #[derive(Debug, Clone, Copy, PartialEq)] #[repr(u16)] pub enum Number { $($name = $value),* } impl Number { pub const ALL: &'static [Number] = &[$(Number::$name),*]; pub fn parse(text: &str) -> Option<Number> { match text { $(stringify!($name) => Some(Number::$name),)* _ => None } } } } }
numbers! { Zero = 0, One = 1, Seven = 7, Many = 0x1000 }
macro_rules! largest { ($x:expr) => { $x }; ($x:expr, $($more:expr),+) => {{ let (a, b) = ($x, largest!($($more),+)); if a > b { a } else { b } }} }
mod inner { pub(crate) mod deeper { pub fn line() -> (u32, &'static str) { (line!(), module_path!()) } } pub use deeper::line as again; }
fn main() { println!("{:?} {:?} {} {:?} {}", Number::ALL, Number::parse("Seven").map(|n| n as u16), largest!(3, 9, 4), inner::again(), concat!("a", 1, true, 'c')); }
''',
    'warnings': '''#![warn(unused, rust_2018_idioms, missing_docs, clippy::all)]
extern crate core;
use std::collections::HashMap;
fn never_called(x: i32) -> i32 { let y = 3; return x; }
#[deprecated(note = "by another")] fn old() {}
#[must_use] fn result() -> Result<u8, ()> { Ok(1) }
enum Unused { One, Two(u8) }
static mut counter: i32 = 0;
fn main() { let mut unneeded = (1); result(); old(); if (true) { println!("{}", 3 as i32) }; loop { break; println!("never"); } match 4u8 { 0..=9 => (), 5 => (), _ => () } }
''',
    'broken': '''struct Owned(String);
fn take(o: Owned) -> usize { o.0.len() }
fn longest(a: &str, b: &str) -> &str { if a.len() > b.len() { a } else { b } }
fn main() { let o = Owned("x".into()); take(o); println!("{}", o.0); let n: u32 = "text"; missing(n); let r; { let v = vec![1]; r = &v; } println!("{r:?}"); }
''',
    'unborrowed': '''fn main() { let mut v = vec![1, 2]; let first = &v[0]; v.push(3); println!("{first}"); let s = String::from("a"); let t = s; println!("{s}{t}"); }
''',
    'nothing': '''#![no_std]
#![allow(dead_code, unexpected_cfgs)]
#[cfg(alone)] #[panic_handler] fn panicked(_: &core::panic::PanicInfo) -> ! { loop {} }
pub struct Ring<T, const N: usize> { slots: [Option<T>; N], at: usize }
impl<T: Copy, const N: usize> Ring<T, N> { pub const fn new() -> Self { Ring { slots: [None; N], at: 0 } } pub fn put(&mut self, value: T) -> Option<T> { let old = self.slots[self.at].replace(value); self.at = (self.at + 1) % N; old } }
#[no_mangle] pub extern "C" fn ring_sum(values: *const u32, count: usize) -> u32 { let mut ring = Ring::<u32, 8>::new(); let mut sum = 0u32; for i in 0..count { if let Some(old) = ring.put(unsafe { *values.add(i) }) { sum = sum.wrapping_add(old); } } sum }
pub trait Visitor { type Out; fn visit(&mut self, depth: u8) -> Self::Out; }
pub fn walk<V: Visitor<Out = bool>>(visitor: &mut V) -> u8 { (0..8).take_while(|d| visitor.visit(*d)).count() as u8 }
pub static NAMES: [&str; 3] = ["a", "b", "c"];
''',
    'library': '''//! Of a library.
use std::fmt;
/// An error of it.
#[derive(Debug)] pub enum Error { Empty, Number(std::num::ParseIntError) }
impl fmt::Display for Error { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { match self { Error::Empty => f.write_str("empty"), Error::Number(e) => e.fmt(f) } } }
impl std::error::Error for Error {}
impl From<std::num::ParseIntError> for Error { fn from(e: std::num::ParseIntError) -> Self { Error::Number(e) } }
/// Sums what is between commas.
pub fn sum(text: &str) -> Result<i64, Error> { if text.is_empty() { return Err(Error::Empty); } let mut all = 0; for part in text.split(',') { all += part.trim().parse::<i64>()?; } Ok(all) }
#[inline] pub fn map<T, U, F: FnMut(&T) -> U>(all: &[T], f: F) -> Vec<U> { all.iter().map(f).collect() }
#[no_mangle] pub extern "C" fn library_sum(text: *const std::ffi::c_char) -> i64 { unsafe { std::ffi::CStr::from_ptr(text) }.to_str().ok().and_then(|t| sum(t).ok()).unwrap_or(-1) }
#[cfg(test)] mod tests { use super::*; #[test] fn sums() { assert_eq!(sum("1, 2").unwrap(), 3); } #[test] #[should_panic] fn fails() { sum("x").unwrap(); } #[test] #[ignore] fn ignored() {} }
''',
    'derives': '''extern crate proc_macro;
use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
#[proc_macro] pub fn count(input: TokenStream) -> TokenStream { TokenTree::Literal(Literal::usize_unsuffixed(input.into_iter().count())).into() }
#[proc_macro_derive(Named, attributes(name))] pub fn named(input: TokenStream) -> TokenStream { let mut all = input.into_iter(); while let Some(tree) = all.next() { if let TokenTree::Ident(ident) = &tree { if ident.to_string() == "struct" { let name = all.next().unwrap(); return format!("impl {name} {{ pub const NAME: &'static str = {:?}; }}", name.to_string()).parse().unwrap(); } } } TokenStream::new() }
#[proc_macro_attribute] pub fn boxed(_: TokenStream, item: TokenStream) -> TokenStream { let mut out = TokenStream::new(); out.extend([TokenTree::Ident(Ident::new("mod", Span::call_site())), TokenTree::Ident(Ident::new("inside", Span::mixed_site())), TokenTree::Group(Group::new(Delimiter::Brace, item))]); let _ = Punct::new(';', Spacing::Alone); out }
''',
}
ARMS = 120


def big_match():
    """A program with a match of many arms, over numbers and over texts, as generated ones have them."""
    numbers = ' '.join(f'{number * number % 1009 + number * 1009} => {number * 7 % 31},' for number in range(ARMS))
    texts = ' '.join(f'"word{number * 37 % ARMS:03}" => Some({number}),' for number in range(ARMS))
    return f'''#[inline(never)] fn number(x: u32) -> u8 {{ match x {{ {numbers} x if x % 3 == 0 => 200, 5..=9 | 11 => 201, _ => 255 }} }}
fn text(x: &str) -> Option<u16> {{ match x {{ {texts} _ => None }} }}
fn main() {{ println!("{{}} {{:?}}", (0..100_000).map(|x| number(x) as u32).sum::<u32>(), text("word011")); }}
'''


# What Debian 12's rustc does not have yet, and the words that it gets in these places.
OLDER = {
    'asynchronous': (('use std::pin::{pin, Pin};', 'use std::pin::Pin;'), ('pin!(async', 'Box::pin(async')),
    'threads': (('OnceLock, ', ''), ('static ONCE: OnceLock<String> = OnceLock::new();\n', ''), ('ONCE.get_or_init(|| "once".into())', '"once"')),
    'assembly': (('c"four".as_ptr()', 'b"four\\0".as_ptr().cast()'), ('std::ffi::c_char', 'std::os::raw::c_char')),
    'library': (('std::ffi::c_char', 'std::os::raw::c_char'),),
}


def all_programs(older=False):
    """{name: text}; of an `older` rustc only what it knows."""
    programs = {**PROGRAMS, 'arms': big_match()}
    for name, words in OLDER.items() if older else ():
        for new, old in words:
            if new not in programs[name]:
                raise ValueError(f'{name} has no {new}')
            programs[name] = programs[name].replace(new, old)
    return programs
