#include "common/attest/strict_json.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "common/base/status.h"

namespace crossmill::attest {
namespace {

// Builds the value from the parser's events, and stops at the first thing that is not to be believed.
class StrictReader final : public nlohmann::json_sax<SortedJson> {
 public:
  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t&) override { return Add(value); }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return Stop("binary data"); }
  bool start_object(size_t) override { return Open(SortedJson::object()); }
  bool start_array(size_t) override { return Open(SortedJson::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (open_.back().value.contains(name))
      return Stop(fmt::format("member \"{}\" occurs twice", Shortened(name)));
    open_.back().name = std::move(name);
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    return Stop(error.what());
  }

  const std::string& problem() const { return problem_; }
  SortedJson TakeValue() { return std::move(value_); }

 private:
  struct Container {
    SortedJson value;
    // Of its member that comes next.
    std::string name;
  };

  static std::string Shortened(const std::string& name) {
    return name.size() <= 60 ? name : name.substr(0, 60) + "...";
  }

  bool Stop(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool Open(SortedJson empty) {
    if (open_.size() >= kMostDepth) return Stop(fmt::format("nested more than {} deep", kMostDepth));
    open_.push_back({std::move(empty), {}});
    return true;
  }

  bool Close() {
    SortedJson value = std::move(open_.back().value);
    open_.pop_back();
    return Add(std::move(value));
  }

  bool Add(SortedJson value) {
    if (open_.empty()) {
      value_ = std::move(value);
    } else if (Container& in = open_.back(); in.value.is_array()) {
      in.value.push_back(std::move(value));
    } else {
      in.value.emplace(std::move(in.name), std::move(value));
      in.name.clear();
    }
    return true;
  }

  std::vector<Container> open_;
  SortedJson value_;
  std::string problem_;
};

absl::StatusOr<const SortedJson*> Member(const SortedJson& object, const std::string& name,
                                         bool (SortedJson::*is)() const, std::string_view what) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end())
    return absl::InvalidArgumentError(fmt::format("there is no \"{}\"", name));
  if (!((*found).*is)()) return absl::InvalidArgumentError(fmt::format("\"{}\" is not {}", name, what));
  return &*found;
}

}  // namespace

absl::StatusOr<SortedJson> ParseStrictJson(std::string_view text) {
  if (text.size() > kMostDocumentBytes) {
    return absl::InvalidArgumentError(
        fmt::format("the document has {} bytes; {} are the most", text.size(), kMostDocumentBytes));
  }
  StrictReader reader;
  if (!SortedJson::sax_parse(text.begin(), text.end(), &reader)) {
    return absl::InvalidArgumentError(fmt::format("not acceptable JSON: {}", reader.problem()));
  }
  return reader.TakeValue();
}

std::string WriteSortedJson(const SortedJson& value) {
  return value.dump(-1, ' ', false, SortedJson::error_handler_t::replace);
}

absl::StatusOr<std::string> TextMember(const SortedJson& object, const std::string& name) {
  ASSIGN_OR_RETURN(const SortedJson* value, Member(object, name, &SortedJson::is_string, "a text"));
  return value->get_ref<const std::string&>();
}

absl::StatusOr<bool> BoolMember(const SortedJson& object, const std::string& name) {
  ASSIGN_OR_RETURN(const SortedJson* value, Member(object, name, &SortedJson::is_boolean, "true or false"));
  return value->get<bool>();
}

absl::StatusOr<int64_t> IntegerMember(const SortedJson& object, const std::string& name) {
  ASSIGN_OR_RETURN(const SortedJson* value,
                   Member(object, name, &SortedJson::is_number_integer, "an integer"));
  // Beyond, the library would wrap it.
  if (value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return absl::InvalidArgumentError(fmt::format("\"{}\" is too large", name));
  return value->get<int64_t>();
}

absl::StatusOr<const SortedJson*> ObjectMember(const SortedJson& object, const std::string& name) {
  return Member(object, name, &SortedJson::is_object, "an object");
}

absl::StatusOr<const SortedJson*> ListMember(const SortedJson& object, const std::string& name) {
  return Member(object, name, &SortedJson::is_array, "a list");
}

}  // namespace crossmill::attest
