#include "coordinator/http/table/transcoding.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"
#include "coordinator/http/table/methods.h"

namespace crossmill::coordinator::door {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kMostParameters = 200;

absl::Status Unfit(const FieldDescriptor& field, std::string_view value, std::string_view expected) {
  return absl::InvalidArgumentError(
      fmt::format("{}: '{}' is not {}", field.name(), Printable(value.substr(0, 100)), expected));
}

// How many are wanted.
bool IsCount(const FieldDescriptor& field) { return field.name() == "limit" || field.name() == "page_size"; }

absl::StatusOr<bool> ParseSwitch(std::string_view value) {
  if (value.empty() || value == "1" || value == "true") return true;
  if (value == "0" || value == "false") return false;
  return absl::InvalidArgumentError("is not true or false");
}

// Sets a field, or adds to a list.
template <typename Value>
void Put(Message* message, const FieldDescriptor& field, Value value,
         void (Reflection::*set)(Message*, const FieldDescriptor*, Value) const,
         void (Reflection::*add)(Message*, const FieldDescriptor*, Value) const) {
  const Reflection& reflection = *message->GetReflection();
  (reflection.*(field.is_repeated() ? add : set))(message, &field, std::move(value));
}

template <typename Number>
absl::Status PutNumber(Message* message, const FieldDescriptor& field, std::string_view value,
                       void (Reflection::*set)(Message*, const FieldDescriptor*, Number) const,
                       void (Reflection::*add)(Message*, const FieldDescriptor*, Number) const) {
  Number number = 0;
  // Blanks around it are none of a number here.
  const bool plain = value.find_first_not_of("-0123456789") == std::string_view::npos;
  if (!plain || !absl::SimpleAtoi(Av(value), &number)) return Unfit(field, value, "a number that fits");
  if (IsCount(field) && value.starts_with('-')) return Unfit(field, value, "a number of rows");
  Put<Number>(message, field, number, set, add);
  return absl::OkStatus();
}

absl::Status PutEnum(Message* message, const FieldDescriptor& field, const std::string& value) {
  const google::protobuf::EnumValueDescriptor* found = field.enum_type()->FindValueByName(value);
  if (found == nullptr) return Unfit(field, value, "one of its words");
  Put<const google::protobuf::EnumValueDescriptor*>(message, field, found, &Reflection::SetEnum,
                                                    &Reflection::AddEnum);
  return absl::OkStatus();
}

absl::Status PutPlatform(Message* message, const FieldDescriptor& field, const std::string& value) {
  const absl::StatusOr<v1::Platform> platform = ParsePlatform(value);
  if (!platform.ok()) return Annotate(platform.status(), field.name());
  message->GetReflection()->MutableMessage(message, &field)->CopyFrom(*platform);
  return absl::OkStatus();
}

absl::Status SetField(const FieldDescriptor& field, const std::string& value, Message* message) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      return PutNumber<int64_t>(message, field, value, &Reflection::SetInt64, &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT64:
      return PutNumber<uint64_t>(message, field, value, &Reflection::SetUInt64, &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_INT32:
      return PutNumber<int32_t>(message, field, value, &Reflection::SetInt32, &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_UINT32:
      return PutNumber<uint32_t>(message, field, value, &Reflection::SetUInt32, &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_ENUM:
      return PutEnum(message, field, value);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return PutPlatform(message, field, value);
    case FieldDescriptor::CPPTYPE_STRING:
      Put<std::string>(message, field, value, &Reflection::SetString, &Reflection::AddString);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL: {
      const absl::StatusOr<bool> on = ParseSwitch(value);
      if (!on.ok()) return Unfit(field, value, "true or false");
      Put<bool>(message, field, *on, &Reflection::SetBool, &Reflection::AddBool);
      return absl::OkStatus();
    }
    default:
      return Unfit(field, value, "of a type that fits into a URL");
  }
}

bool MayHoldSecrets(const google::protobuf::Descriptor& type, std::set<std::string>* seen) {
  if (!seen->insert(type.full_name()).second) return false;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.name() == "secret" || field.name() == "secrets") return true;
    if (field.message_type() != nullptr && MayHoldSecrets(*field.message_type(), seen)) return true;
  }
  return false;
}

// "secrets[0].value" of protobuf's "(secrets[0].value): invalid value ...": as far as it is names of fields
// and numbers, so that nothing of a body can be in it.
std::string PlaceIn(std::string_view message, const google::protobuf::Descriptor* type) {
  const size_t begin = message.find('(');
  const size_t end = message.find(')', begin == std::string_view::npos ? 0 : begin);
  if (begin == std::string_view::npos || end == std::string_view::npos) return "";
  std::string place;
  std::string_view rest = message.substr(begin + 1, end - begin - 1);
  while (!rest.empty() && type != nullptr) {
    const std::string_view part = rest.substr(0, rest.find('.'));
    const std::string_view name = part.substr(0, part.find('['));
    const std::string_view index = part.substr(name.size());
    const FieldDescriptor* field = type->FindFieldByName(std::string(name));
    if (field == nullptr) field = type->FindFieldByCamelcaseName(std::string(name));
    const bool plain = index.size() < 12 && index.find_first_not_of("[]0123456789") == std::string_view::npos;
    if (field == nullptr || !plain) break;
    place += fmt::format("{}{}{}", place.empty() ? "" : ".", field->name(), index);
    type = field->message_type();
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  return place;
}

// What is wrong with a body. What it holds may be a secret that stands in the wrong place.
absl::Status WrongJson(std::string_view problem, const google::protobuf::Descriptor& type) {
  std::set<std::string> seen;
  if (!MayHoldSecrets(type, &seen))
    return absl::InvalidArgumentError(fmt::format("the body: {}", Printable(problem.substr(0, 500))));
  const std::string place = PlaceIn(problem, &type);
  return absl::InvalidArgumentError(
      fmt::format("the body: {}. What it holds is not shown, because it may be a secret",
                  place.empty() ? "is no JSON, or has a field or value that does not belong into the request"
                                : "a value or a field is not what is expected at " + place +
                                      "; values of type bytes, as those of secrets, are base64"));
}

// Escapes of a query; '+' is a blank in it.
std::string DecodeQueryPart(std::string_view text) {
  std::string blanks(text);
  std::replace(blanks.begin(), blanks.end(), '+', ' ');
  return DecodePercent(blanks);
}

}  // namespace

absl::StatusOr<Parameters> ParseQuery(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    std::string name = DecodeQueryPart(pair.substr(0, equals));
    std::string value = DecodeQueryPart(pair.substr(std::min(equals + 1, pair.size())));
    if (ValidUtf8(name) != name || ValidUtf8(value) != value)
      return absl::InvalidArgumentError("the query is not UTF-8");
    parameters.emplace_back(std::move(name), std::move(value));
    if (parameters.size() > kMostParameters)
      return absl::InvalidArgumentError(fmt::format("more than {} parameters", kMostParameters));
  }
  return parameters;
}

std::string TakeParameter(Parameters& parameters, std::string_view name) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [name](const auto& parameter) { return parameter.first == name; });
  if (found == parameters.end()) return "";
  std::string value = std::move(found->second);
  parameters.erase(found);
  return value;
}

absl::StatusOr<bool> TakeSwitch(Parameters& parameters, std::string_view name) {
  const bool there = std::any_of(parameters.begin(), parameters.end(),
                                 [name](const auto& parameter) { return parameter.first == name; });
  if (!there) return false;
  const absl::StatusOr<bool> on = ParseSwitch(TakeParameter(parameters, name));
  return on.ok() ? on : Annotate(on.status(), name);
}

absl::Status SetFields(const Parameters& parameters, const Route& route, Message* message) {
  const std::vector<std::string> in_path = PathParameters(route.path);
  std::set<std::string> given;
  for (const auto& [name, value] : parameters) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    const bool of_path = std::find(in_path.begin(), in_path.end(), name) != in_path.end();
    if (field == nullptr || (!of_path && !IsQueryField(route, *field)))
      return absl::InvalidArgumentError(fmt::format("there is no parameter '{}' here", Printable(name)));
    if (!given.insert(name).second && !field->is_repeated())
      return absl::InvalidArgumentError(fmt::format("{} is given twice", name));
    RETURN_IF_ERROR(SetField(*field, value, message));
  }
  return absl::OkStatus();
}

absl::Status MergeJson(std::string_view body, Message* message) {
  if (Trim(body).empty()) return absl::OkStatus();
  std::unique_ptr<Message> parsed(message->New());
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(body.data(), body.size()), parsed.get());
  if (!status.ok()) {
    return WrongJson({status.message().data(), status.message().size()}, *message->GetDescriptor());
  }
  message->MergeFrom(*parsed);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ToJson(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok())
    return absl::InternalError(fmt::format("the answer is no JSON: {}", status.message().ToString()));
  return json;
}

std::unique_ptr<Message> NewMessage(const google::protobuf::Descriptor& type) {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

}  // namespace crossmill::coordinator::door
