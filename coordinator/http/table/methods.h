// Methods of the coordinator's services, by the names that the table of routes has. Pure.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>
#include <vector>

#include "coordinator/http/table/route_table.h"

namespace crossmill::coordinator::door {

// "crossmill.v1.Builds/GetBuild". Null: there is no such method.
const google::protobuf::MethodDescriptor* FindMethod(std::string_view method);

// The message whose fields a route's path and query fill: the method's request.
const google::protobuf::Descriptor* RequestOf(const Route& route);

// Names in braces.
std::vector<std::string> PathParameters(std::string_view path);

// Whether a query may fill the field: numbers, texts, enums, lists of them, and platforms; not what the door
// fills itself or what never belongs into a URL.
bool IsQueryField(const Route& route, const google::protobuf::FieldDescriptor& field);

}  // namespace crossmill::coordinator::door
