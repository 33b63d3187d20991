#include "cli/images/config_changes.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/status.h"

namespace crossmill::cli {
namespace {

const Json& Member(const Json& object, const std::string& name) {
  static const Json kNone;
  if (!object.is_object()) return kNone;
  const auto it = object.find(name);
  return it == object.end() ? kNone : *it;
}

// Variables by name; null unless it is a list of texts, or there is none.
Json VariablesOf(const Json& list) {
  if (list.is_null()) return Json::object();
  Json variables = Json::object();
  if (!list.is_array()) return Json();
  for (const Json& each : list) {
    if (!each.is_string()) return Json();
    const std::string text = each.get<std::string>();
    const size_t equals = text.find('=');
    variables[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  return variables;
}

class Comparison {
 public:
  void Compare(const Json& first, const Json& second, const std::string& field) {
    if (first == second) return;
    const auto has_members = [](const Json& value) { return value.is_object() || value.is_null(); };
    if (has_members(first) && has_members(second) && !(first.empty() && second.empty())) {
      CompareMembers(first, second, field);
    } else if (field == "config.Env") {
      CompareVariables(first, second, field);
    } else if (field == "history" && first.is_array() && second.is_array()) {
      for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
        const std::string entry = fmt::format("history[{}]", i);
        if (i >= first.size() || i >= second.size()) {
          changes_.push_back(
              {entry, i < first.size() ? first[i] : Json(), i < second.size() ? second[i] : Json()});
        } else {
          Compare(first[i], second[i], entry);
        }
      }
    } else {
      changes_.push_back({field, first, second});
    }
  }

  std::vector<FieldChange> Take() { return std::move(changes_); }

 private:
  void CompareMembers(const Json& first, const Json& second, const std::string& field) {
    std::set<std::string> names;
    for (const Json* object : {&first, &second}) {
      if (!object->is_object()) continue;
      for (const auto& [name, value] : object->items()) names.insert(name);
    }
    const std::string prefix = field.empty() ? "" : field + ".";
    for (const std::string& name : names) Compare(Member(first, name), Member(second, name), prefix + name);
  }

  void CompareVariables(const Json& first, const Json& second, const std::string& field) {
    const Json ours = VariablesOf(first);
    const Json theirs = VariablesOf(second);
    const size_t before = changes_.size();
    if (ours.is_object() && theirs.is_object()) CompareMembers(ours, theirs, field);
    // Their order differs, or what is no variable.
    if (changes_.size() == before) changes_.push_back({field, first, second});
  }

  std::vector<FieldChange> changes_;
};

}  // namespace

std::vector<FieldChange> CompareDocuments(const Json& first, const Json& second, const std::string& name) {
  Comparison comparison;
  comparison.Compare(first, second, name);
  return comparison.Take();
}

std::vector<FieldChange> CompareConfigs(const Json& first, const Json& second) {
  Json ours = first;
  Json theirs = second;
  for (Json* config : {&ours, &theirs}) {
    if (config->is_object()) config->erase("rootfs");
  }
  return CompareDocuments(ours, theirs, "");
}

}  // namespace crossmill::cli
