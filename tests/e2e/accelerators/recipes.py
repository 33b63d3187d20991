"""What emulated builds with and without a set compile (accelerators_test.py): recipes, and the files of their contexts by name."""

# Each RUN makes its own layer, and is judged alone.
GCC = """
FROM IMAGE
COPY . /c
WORKDIR /c
RUN for i in 1 2 3 4; do gcc -O2 -g -DNUMBER=$i -c unit.c -o unit$i.o || exit 1; done
RUN g++ -O2 -c classes.cc && g++ -o classes classes.o && ./classes >said
RUN gcc -g -O1 -fPIC -fstack-protector-strong -c unit.c -o protected.o
RUN gcc -O2 -g -flto -fPIC -shared unit.c -o liboptimised.so && g++ -O2 -flto classes.cc -o optimised && ./optimised >said-optimised
RUN gcc -v -c unit.c 2>&1 | sed 's,/tmp/cc[^.]*,NAME,g' >verbose; gcc -print-search-dirs -print-multiarch >told; gcc -dumpspecs >specs; as --version >as
RUN gcc -Wall -E unit.c >unit.i && gcc -M unit.c >unit.d && gcc -S -fverbose-asm unit.c && ! gcc -Werror -Wall -c warned.c 2>warned
RUN printf '%s' '-O3 -c unit.c -o response.o' >arguments && gcc @arguments && gcc -pipe -save-temps -c unit.c -o saved.o
RUN gcc -x c-header header.h -o header.h.gch && gcc -Winvalid-pch -include header.h -c unit.c -o precompiled.o && gcc -save-temps=obj -include header.h -c unit.c -o kept.o && rm header.h.gch
RUN ! gcc -march=x86-64 -c unit.c 2>unknown; printf ".hword '\\303\\n" >chars.s && as -f chars.s -o chars.o && as chars.s -o read.o
RUN { tr '\\0' ' ' </proc/self/cmdline; readlink /proc/self/exe; python3 -c "import sys, ctypes; print(sys.orig_argv, [ctypes.CDLL(None).getauxval(n) for n in (8, 16, 26)])" '' 'b c' -cpu; } >identity
RUN { bash -c 'exec -a weird bash -c "echo \\$0"'; cp /bin/echo ./-e && PATH=.:$PATH && -e hi && rm ./-e; /bin/sh -c 'kill -SEGV $$'; echo $?; uname -m; } >>identity
RUN gcc -g -c unit.c -o g.o && gcc -flto -frandom-seed=1 -c unit.c -o l.o && ar rcs all.a g.o l.o && ranlib all.a && nm all.a >names && strip -g g.o -o s.o && objcopy --only-keep-debug g.o d.o && ar t all.a >>names
RUN cp $(gcc -print-prog-name=cc1) /c/cc1 && ./cc1 -quiet -imultiarch aarch64-linux-gnu unit.c -o copied.s && printf x >>cc1 && ./cc1 -quiet -imultiarch aarch64-linux-gnu unit.c -o patched.s && rm cc1
"""
UNIT = """#include <stdio.h>
#include <string.h>
#ifndef NUMBER
#define NUMBER 0
#endif
int work(char *text, int n) { char copy[64]; strncpy(copy, text, 63); return n * NUMBER + (int)strlen(copy) + printf("%s\\n", __FILE__); }
"""
CLASSES = """#include <map>
#include <string>
#include <cstdio>
int main() { std::map<std::string, int> all{{"b", 2}, {"a", 1}}; for (auto& [name, n] : all) std::printf("%s=%d\\n", name.c_str(), n); }
"""
GCC_SOURCES = {
    "unit.c": UNIT, "classes.cc": CLASSES, "warned.c": "int f(void) { int unused; return 1 ? 2, 3 : x; }\n", "header.h": "#include <stdlib.h>\n",
}

# Libraries of Rust are compiled by the emulated compiler, programs natively but where a macro is below them. cargo's home has a database with times.
LLVM = """
FROM IMAGE
COPY . /c
WORKDIR /c
RUN for o in -O0 '-O2 -g' '-Os -flto' '-O1 -fsanitize=undefined'; do clang $o -c unit.c -o "unit$o.o" || exit 1; done
RUN clang++ -O2 classes.cc -o classes && ./classes >said && clang++ -fuse-ld=lld -flto=thin -O2 classes.cc -o thin && ./thin >>said
RUN clang -v -c unit.c 2>verbose; clang --version >version; clang -print-search-dirs -print-target-triple -dumpmachine >told; clang -dM -E unit.c >macros
RUN clang -Wall -Werror -c warned.c 2>warned; clang -M unit.c >unit.d && clang -S -emit-llvm unit.c && clang -x c-header header.h -o header.h.pch && clang -include header.h -c unit.c -o precompiled.o
RUN mkdir -p opt/bin && cp /usr/lib/llvm-*/bin/clang opt/bin/mine && opt/bin/mine -print-search-dirs -c >moved 2>&1; bash -c 'exec -a nobody clang -c unit.c -o other.o'; PATH=/c/opt/bin:$PATH mine -print-resource-dir >>moved
RUN ln -s /usr/bin/clang armv7-linux-gnueabihf-clang && ./armv7-linux-gnueabihf-clang -c nothing.c -o named.o && clang --driver-mode=cl -Brepro -c nothing.c && rm armv7-linux-gnueabihf-clang
RUN mkdir lib && clang -shared -fPIC nothing.c -o lib/libnothing.so && LIBRARY_PATH=/c/lib clang++ classes.cc -lnothing -o linked; clang -O1 -c logarithm.c
RUN printf '%s' '-O3 -c unit.c -o response.o' >arguments && clang @arguments && clang -target x86_64-linux-gnu -c nothing.c -o foreign.o && clang -cc1 -emit-obj nothing.c -o cc1.o
RUN rustc -O -C metadata=x program.rs && ./program >ran && rustc -vV >version && rustc --print cfg >cfg && ! rustc broken.rs 2>broken && rustc --target aarch64-unknown-linux-gnu --emit=asm program.rs
RUN cd crates && export CARGO_HOME=/tmp/home && cargo build -q --offline --release 2>&1 && cp target/release/app .. && target/release/app >ran && cp target/release/deps/*.rlib . && rm -rf target /tmp/home
RUN cd crates && RUSTFLAGS='-C linker=clang' CARGO_HOME=/tmp/home CARGO_PROFILE_DEV_INCREMENTAL=false cargo build -q --offline && cp target/debug/app ../debug && rm -rf target /tmp/home
"""

# A cache of Go has times, and is filled once: emulated that takes minutes. What the go command asks of its tools, and what is not
# calibrated, stays emulated.
GO = """
FROM IMAGE
COPY . /c
WORKDIR /c
ENV GOCACHE=/tmp/cache GOFLAGS=-mod=mod GOPROXY=off GO111MODULE=on
RUN go build -o app . && ./app 2>ran && go build -ldflags '-s -w -X main.text=other' -o small . && ./small 2>>ran && CGO_ENABLED=1 go build -o with-c ./withc && ./with-c 2>>ran; go vet . && ! go build ./broken 2>broken.said; rm -rf /tmp/cache
RUN go version >told && go env GOTOOLDIR GOHOSTARCH >>told && go tool compile -V=full >>told && ! go tool compile missing.go 2>>told; rm -rf /tmp/cache
"""
GO_SOURCES = {
    "go.mod": "module example.com/app\n\ngo 1.19\n",
    "main.go": """package main

import "math"

var text = "own"

type point[T any] struct{ X, Y T }

func sum(points ...point[float64]) (all float64) {
	for _, p := range points {
		all += math.Hypot(p.X, p.Y)
	}
	return
}

func main() {
	println(text, sum(point[float64]{3, 4}, point[float64]{1, 1}))
}
""",
    "withc/main.go": """package main

// static int twice(int n) { return 2 * n; }
import "C"

func main() { println(C.twice(21)) }
""",
    "broken/broken.go": "package broken\n\nfunc broken() int { return missing }\n",
}


def package(name, *needs):
    """The Cargo.toml of a package that needs others beside it."""
    text = f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n'
    return text + ("[dependencies]\n" + "".join(f'{each} = {{ path = "../{each}" }}\n' for each in needs) if needs else "")


LLVM_SOURCES = {
    **GCC_SOURCES, "nothing.c": "int nothing;\n",
    "logarithm.c": "long double logl(long double);\nlong double two(void) { return logl(2.0L); }\n",
    "program.rs": """use std::collections::HashMap;
fn main() { let mut all = HashMap::new(); all.insert("a", 1.5f64.sin()); println!("{:?}", all); }
""",
    "broken.rs": "fn main() { missing() }\n",
    "crates/Cargo.toml": """[workspace]
members = ["app", "plain", "used", "macros"]
resolver = "2"
""",
    "crates/macros/Cargo.toml": package("macros") + "[lib]\nproc-macro = true\n",
    "crates/macros/src/lib.rs": """use proc_macro::TokenStream;
#[proc_macro]
pub fn answer(_: TokenStream) -> TokenStream { "pub fn answer() -> u32 { 42 }".parse().unwrap() }
#[proc_macro_derive(Named)]
pub fn named(item: TokenStream) -> TokenStream {
    let name = item.to_string().split_whitespace().skip_while(|word| *word != "struct").nth(1).unwrap().trim_end_matches(';').to_string();
    format!("impl {name} {{ pub fn name() -> &'static str {{ \\"{name}\\" }} }}").parse().unwrap()
}
""",
    "crates/plain/Cargo.toml": package("plain"),
    "crates/plain/src/lib.rs": "pub fn plain(text: &str) -> String { text.chars().rev().collect::<String>() + &format!(\"{:>5.2}\", 3.14159) }\n",
    "crates/used/Cargo.toml": package("used", "macros", "plain"),
    "crates/used/src/lib.rs": """#[derive(macros::Named)]
pub struct Thing;
macros::answer!();
pub fn both() -> String { format!("{} {}", plain::plain(Thing::name()), answer()) }
""",
    "crates/app/Cargo.toml": package("app", "used", "plain"),
    "crates/app/src/main.rs": "fn main() { println!(\"{} {}\", used::both(), plain::plain(\"abc\")); }\n",
}
