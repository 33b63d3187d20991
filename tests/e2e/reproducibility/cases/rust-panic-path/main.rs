fn main() {
    let words: Vec<String> = std::env::args().collect();
    println!("{}", words[words.len() - 1]);
    if words.len() > 9 {
        panic!("too many");
    }
}
