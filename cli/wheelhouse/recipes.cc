#include "cli/wheelhouse/recipes.h"

#include "absl/strings/str_replace.h"
#include "common/base/shell_word.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

constexpr std::string_view kFolder = "/wheelhouse";

// Root's own shell, whatever the image says: the folder is at the root.
std::string Beginning(const WheelTarget& target, std::string_view stage) {
  return fmt::format("FROM {} AS {}\nUSER 0:0\nSHELL [\"/bin/sh\", \"-c\"]\nWORKDIR /\n", target.base, stage);
}

std::string Ending(std::string_view stage) {
  return fmt::format("FROM scratch\nCOPY --from={} {}/out/ /\n", stage, kFolder);
}

std::string Words(absl::Span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) text += " " + (word.starts_with("--") ? word : ShellQuoted(word));
  return text;
}

std::string Pip(const WheelTarget& target, std::string_view command) {
  return fmt::format("RUN python{} -m pip {} --no-cache-dir --disable-pip-version-check", target.python,
                     command);
}

// A file with exactly this text, which nothing expands; the word that ends it is no line of it.
std::string InlineFile(std::string_view text, std::string_view path) {
  std::string end = "CROSSMILL_END";
  while (("\n" + std::string(text)).find("\n" + end) != std::string::npos) end += "_";
  return fmt::format("COPY <<'{0}' {1}\n{2}{3}{0}\n", end, path, text,
                     text.empty() || text.ends_with('\n') ? "" : "\n");
}

std::string PinOf(const WantedPackages& wanted, const PlannedPackage& package) {
  const auto address = wanted.addresses.find(package.name);
  if (address != wanted.addresses.end()) return fmt::format("{} @ {}", package.name, address->second);
  return fmt::format("{}=={}", package.name, package.version);
}

// A line of a requirements file: with what only such a file can say.
std::string PinLine(const WantedPackages& wanted, const PlannedPackage& package) {
  std::string line = PinOf(wanted, package);
  if (const auto options = wanted.build_options.find(package.name); options != wanted.build_options.end())
    line += options->second;
  if (const auto hashes = wanted.hashes.find(package.name); hashes != wanted.hashes.end()) {
    for (const python::FileHash& hash : hashes->second)
      line += fmt::format(" --hash={}:{}", hash.algorithm, hash.digest);
  }
  return line + "\n";
}

// The packages as words, or as a file that is made before the command; `before` gets what makes it.
std::string Named(const WantedPackages& wanted, absl::Span<const PlannedPackage* const> packages,
                  std::string* before) {
  bool plain = wanted.hashes.empty();
  for (const PlannedPackage* package : packages)
    plain = plain && !wanted.build_options.contains(package->name);
  std::string words;
  std::string lines;
  for (const PlannedPackage* package : packages) {
    words += " " + ShellQuoted(PinOf(wanted, *package));
    lines += PinLine(wanted, *package);
  }
  if (plain) return words;
  const std::string path = fmt::format("{}/pinned.txt", kFolder);
  *before += InlineFile(lines, path);
  return " -r " + path;
}

// Repairs and judges what lies in /wheelhouse/compiled; what it did is said, never guessed from the outside.
constexpr std::string_view kFinish = R"sh(RUN <<'CROSSMILL_END'
set -e
say() { printf '%s\n' "$*" >> /wheelhouse/out/statements.txt; }
last_line() { tail -n 1 "$1" | cut -c 1-300; }
mkdir -p /wheelhouse/out /wheelhouse/repaired
cd /wheelhouse/compiled
for wheel in *.whl; do
  say compiled "$(sha256sum "$wheel" | cut -c 1-64)"
  case "$wheel" in
  *-any.whl)
    cp "$wheel" /wheelhouse/out/
    say repair not-needed ;;
  *)
    if ! command -v auditwheel > /dev/null 2>&1; then
      cp "$wheel" /wheelhouse/out/
      say repair not-installed
    elif auditwheel repair --wheel-dir /wheelhouse/repaired "$wheel" > /wheelhouse/repair.log 2>&1; then
      cp /wheelhouse/repaired/*.whl /wheelhouse/out/
      say repair repaired
    else
      cat /wheelhouse/repair.log >&2
      cp "$wheel" /wheelhouse/out/
      say repair failed "$(last_line /wheelhouse/repair.log)"
    fi ;;
  esac
@ABI3@done
CROSSMILL_END
)sh";

constexpr std::string_view kAbi3 = R"sh(  case "$wheel" in
  *-abi3-*)
    if ! command -v abi3audit > /dev/null 2>&1; then
      say abi3 not-installed
    elif abi3audit --strict --verbose "$wheel" > /wheelhouse/abi3.log 2>&1; then
      say abi3 passed
    else
      cat /wheelhouse/abi3.log >&2
      say abi3 failed "$(last_line /wheelhouse/abi3.log)"
    fi ;;
  *)
    say abi3 not-abi3 ;;
  esac
)sh";

}  // namespace

std::string ResolveRecipe(const WheelTarget& target, const WantedPackages& wanted) {
  std::string text = Beginning(target, "resolve");
  for (size_t i = 0; i < wanted.files.size(); ++i)
    text += InlineFile(wanted.files[i].text, fmt::format("{}/{}.txt", kFolder, i));
  text += Pip(target, "wheel") + fmt::format(" --wheel-dir {}/out", kFolder);
  for (const size_t place : wanted.roots) text += fmt::format(" -r {}/{}.txt", kFolder, place);
  for (const size_t place : wanted.constraints) text += fmt::format(" -c {}/{}.txt", kFolder, place);
  return text + "\n";
}

std::string FetchRecipe(const WheelTarget& target, const WantedPackages& wanted,
                        absl::Span<const PlannedPackage* const> packages) {
  std::string text = Beginning(target, "fetch");
  const std::string named = Named(wanted, packages, &text);
  return text + Pip(target, "download") +
         fmt::format(" --no-deps --only-binary :all: --dest {}/out{}{}\n", kFolder,
                     Words(wanted.index_options), named) +
         Ending("fetch");
}

std::string CompileRecipe(const WheelTarget& target, const WantedPackages& wanted,
                          const PlannedPackage& package, bool abi3_check) {
  std::string text = Beginning(target, "compile");
  const PlannedPackage* const only[] = {&package};
  const std::string named = Named(wanted, only, &text);
  text +=
      Pip(target, "wheel") + fmt::format(" --no-deps --wheel-dir {}/compiled{}{}{}\n", kFolder,
                                         Words(wanted.index_options), Words(wanted.compile_options), named);
  text += absl::StrReplaceAll(Av(kFinish), {{"@ABI3@", Av(abi3_check ? kAbi3 : std::string_view())}});
  return text + Ending("compile");
}

}  // namespace crossmill::cli
