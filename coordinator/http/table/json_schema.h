// JSON schemas of messages, as the protobuf JSON mapping writes and reads them.
#pragma once

#include <google/protobuf/descriptor.h>

#include <set>
#include <string>

#include "common/base/json.h"

namespace crossmill::coordinator::door {

// What a schema is of: in an answer every field is there that is not unset, in a request each may be left
// out.
enum class Use { kAnswer, kRequest };

// Collects the schemas that others refer to. Used by one thread.
class JsonSchemas {
 public:
  // {"$ref": "#/components/schemas/NAME"}; the message's schema, and those that it needs, are added.
  Json Reference(const google::protobuf::Descriptor& message, Use use);
  // Of a field's value, a list where it is repeated.
  Json OfField(const google::protobuf::FieldDescriptor& field, Use use);
  // Of a switch in a query; empty is on.
  static Json OfSwitch();
  // Of a field as text of a path or a query: numbers are decimal, platforms as they are written.
  Json OfText(const google::protobuf::FieldDescriptor& field);
  void Add(const std::string& name, Json schema) { schemas_[name] = std::move(schema); }
  // All of them, by name. Afterwards there are none.
  Json Take() { return std::move(schemas_); }

 private:
  Json OfOne(const google::protobuf::FieldDescriptor& field, Use use);
  Json OfEnum(const google::protobuf::EnumDescriptor& type);
  Json OfMessage(const google::protobuf::Descriptor& message, Use use);

  std::set<std::string> names_;
  Json schemas_ = Json::object();
};

}  // namespace crossmill::coordinator::door
