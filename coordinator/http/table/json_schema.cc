#include "coordinator/http/table/json_schema.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace crossmill::coordinator::door {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

constexpr std::array<std::string_view, 2> kPackages = {"crossmill.v1.", "build.bazel.remote.execution.v2."};

// "crossmill.v1.BuildEvent.Notice": "BuildEvent_Notice".
std::string SchemaName(const std::string& full_name, Use use) {
  std::string name = full_name;
  for (const std::string_view package : kPackages) {
    if (name.starts_with(package)) name.erase(0, package.size());
  }
  std::replace(name.begin(), name.end(), '.', '_');
  return use == Use::kRequest ? name + "Input" : name;
}

Json ReferenceTo(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

// Of requests only numbers are described that fit for certain, and only texts that are base64.
Json ScalarSchema(const FieldDescriptor& field, Use use) {
  const bool request = use == Use::kRequest;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      return {
          {"type", "string"}, {"format", "int64"}, {"pattern", request ? "^-?[0-9]{1,18}$" : "^-?[0-9]+$"}};
    case FieldDescriptor::CPPTYPE_UINT64:
      return {{"type", "string"}, {"format", "uint64"}, {"pattern", request ? "^[0-9]{1,19}$" : "^[0-9]+$"}};
    case FieldDescriptor::CPPTYPE_INT32:
      return {{"type", "integer"}, {"format", "int32"}};
    case FieldDescriptor::CPPTYPE_UINT32:
      return {{"type", "integer"}, {"format", "uint32"}, {"minimum", 0}};
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return {{"type", "number"}, {"format", "double"}};
    case FieldDescriptor::CPPTYPE_BOOL:
      return {{"type", "boolean"}};
    default:
      break;
  }
  if (field.type() == FieldDescriptor::TYPE_BYTES) {
    Json bytes = {{"type", "string"}, {"contentEncoding", "base64"}};
    if (request) bytes["pattern"] = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";
    return bytes;
  }
  return {{"type", "string"}};
}

}  // namespace

Json JsonSchemas::Reference(const Descriptor& message, Use use) {
  const std::string name = SchemaName(message.full_name(), use);
  if (names_.insert(name).second) {
    // Its place first: a message may hold itself.
    schemas_[name] = Json::object();
    Json schema = OfMessage(message, use);
    schemas_[name] = std::move(schema);
  }
  return ReferenceTo(name);
}

Json JsonSchemas::OfField(const FieldDescriptor& field, Use use) {
  if (field.is_map()) {
    const FieldDescriptor& value = *field.message_type()->FindFieldByNumber(2);
    return {{"type", "object"}, {"additionalProperties", OfOne(value, use)}};
  }
  if (field.is_repeated()) return {{"type", "array"}, {"items", OfOne(field, use)}};
  return OfOne(field, use);
}

Json JsonSchemas::OfSwitch() {
  return {{"type", Json::array({"boolean", "string"})}, {"enum", Json::array({true, false, "1", "0", ""})}};
}

Json JsonSchemas::OfText(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) return OfSwitch();
    Json schema = OfField(field, Use::kRequest);
    // How many are wanted.
    if (field.name() == "limit" || field.name() == "page_size") schema["minimum"] = 0;
    return schema;
  }
  return {{"type", "string"},
          {"pattern", "^[A-Za-z0-9._-]{1,40}(/[A-Za-z0-9._-]{1,40}){0,2}$"},
          {"examples", Json::array({"linux/arm64"})}};
}

Json JsonSchemas::OfOne(const FieldDescriptor& field, Use use) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return Reference(*field.message_type(), use);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) return OfEnum(*field.enum_type());
  return ScalarSchema(field, use);
}

Json JsonSchemas::OfEnum(const EnumDescriptor& type) {
  const std::string name = SchemaName(type.full_name(), Use::kAnswer);
  if (names_.insert(name).second) {
    Json values = Json::array();
    for (int i = 0; i < type.value_count(); ++i) values.push_back(type.value(i)->name());
    schemas_[name] = {{"type", "string"}, {"enum", std::move(values)}};
  }
  return ReferenceTo(name);
}

Json JsonSchemas::OfMessage(const Descriptor& message, Use use) {
  Json properties = Json::object();
  Json required = Json::array();
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    properties[field.json_name()] = OfField(field, use);
    // Fields that know whether they are set are left out when they are not.
    if (use == Use::kAnswer && (field.is_repeated() || !field.has_presence()))
      required.push_back(field.json_name());
  }
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (use == Use::kRequest) schema["additionalProperties"] = false;
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

}  // namespace crossmill::coordinator::door
