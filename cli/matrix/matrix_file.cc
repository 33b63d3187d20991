#include "cli/matrix/matrix_file.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  absl::StatusOr<MatrixSpec> Read(const toml::table& document) {
    MatrixSpec spec;
    // A table of toml++ is sorted by name, and the file's order is the matrix's.
    for (const auto& [key, node] : document) {
      if (key.str() == "matrix" && node.is_table()) {
        RETURN_IF_ERROR(ReadNames(*node.as_table(), &spec.names));
      } else if (key.str() == "include") {
        RETURN_IF_ERROR(ReadEntries(node, &spec.include));
      } else if (key.str() == "exclude") {
        RETURN_IF_ERROR(ReadEntries(node, &spec.exclude));
      } else {
        return Error(key.source(),
                     fmt::format("{} is not known; expected the table [matrix], and [[include]] "
                                 "and [[exclude]]",
                                 Printable(key.str())));
      }
    }
    return spec;
  }

 private:
  std::string Place(const toml::source_region& source) const {
    return fmt::format("{}:{}", file_, source.begin.line);
  }
  absl::Status Error(const toml::source_region& source, std::string_view what) const {
    return absl::InvalidArgumentError(fmt::format("{}: {}", Place(source), what));
  }

  // A number that was written without quotes may have lost its end: 3.10 is 3.1.
  absl::StatusOr<std::string> Text(const toml::node& node) const {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
    return Error(node.source(), "expected a text in quotes (3.10 without them is 3.1)");
  }

  absl::StatusOr<std::vector<std::string>> Texts(const toml::node& node) const {
    std::vector<std::string> texts;
    if (const toml::array* list = node.as_array()) {
      for (const toml::node& one : *list) {
        ASSIGN_OR_RETURN(texts.emplace_back(), Text(one));
      }
      return texts;
    }
    ASSIGN_OR_RETURN(texts.emplace_back(), Text(node));
    return texts;
  }

  absl::Status ReadNames(const toml::table& table, std::vector<MatrixName>* names) {
    std::vector<std::pair<int, MatrixName>> found;
    for (const auto& [key, node] : table) {
      ASSIGN_OR_RETURN(const std::vector<std::string> values, Texts(node));
      // The same rules as on the command line, but for commas, which values have here.
      const absl::Status name = ParseMatrixName(std::string(key.str()) + "=x").status();
      if (!name.ok())
        return Error(key.source(), fmt::format("{} is no build argument's name", Printable(key.str())));
      if (values.empty()) return Error(node.source(), "expected at least one value");
      for (size_t i = 0; i < values.size(); ++i) {
        if (std::find(values.begin(), values.begin() + static_cast<ptrdiff_t>(i), values[i]) !=
            values.begin() + static_cast<ptrdiff_t>(i))
          return Error(node.source(), fmt::format("the value \"{}\" is there twice", Printable(values[i])));
      }
      found.emplace_back(static_cast<int>(key.source().begin.line),
                         MatrixName{std::string(key.str()), values});
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [line, name] : found) names->push_back(std::move(name));
    return absl::OkStatus();
  }

  absl::Status ReadEntries(const toml::node& node, std::vector<OddCells>* entries) {
    const toml::array* list = node.as_array();
    if (list == nullptr) return Error(node.source(), "expected [[include]] or [[exclude]]");
    for (const toml::node& one : *list) {
      const toml::table* table = one.as_table();
      if (table == nullptr || table->empty()) return Error(one.source(), "expected NAME = \"VALUE\"");
      OddCells& entry = entries->emplace_back();
      entry.place = Place(one.source());
      for (const auto& [key, value] : *table) {
        if (key.str() != "platform") {
          ASSIGN_OR_RETURN(entry.arguments[std::string(key.str())], Text(value));
          continue;
        }
        ASSIGN_OR_RETURN(const std::vector<std::string> platforms, Texts(value));
        for (const std::string& text : platforms) {
          const auto platform = ParsePlatform(text);
          if (!platform.ok()) return Annotate(platform.status(), Place(value.source()));
          entry.platforms.push_back(*platform);
        }
      }
    }
    return absl::OkStatus();
  }

  const std::string& file_;
};

}  // namespace

absl::StatusOr<MatrixSpec> ParseMatrixFile(const std::string& file, std::string_view text) {
  const toml::parse_result document = toml::parse(text);
  if (document.failed()) {
    const toml::source_position& place = document.error().source().begin;
    return absl::InvalidArgumentError(fmt::format("{}:{}:{}: {}", file, place.line, place.column,
                                                  Printable(document.error().description())));
  }
  return Reader(file).Read(document.table());
}

}  // namespace crossmill::cli
