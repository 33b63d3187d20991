#include "coordinator/http/table/openapi.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "coordinator/http/table/json_schema.h"
#include "coordinator/http/table/methods.h"
#include "coordinator/http/table/route_table.h"
#include "crossmill/v1/access.pb.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::coordinator::door {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;

// What the door itself understands, besides fields of the request.
struct OwnParameter {
  Form form;
  const char* name;
  const char* text;
};
constexpr std::array<OwnParameter, 1> kOwnParameters = {{
    {Form::kLog, "download", "The whole console as text."},
}};

Json Parameter(const std::string& name, const char* in, Json schema) {
  return {{"name", name},
          {"in", in},
          {"required", std::string_view(in) == "path"},
          {"schema", std::move(schema)}};
}

Json Content(const char* type, Json schema) { return {{type, {{"schema", std::move(schema)}}}}; }

Json Schema(const char* name) { return {{"$ref", std::string("#/components/schemas/") + name}}; }

Json ParametersOf(JsonSchemas& schemas, const Route& route) {
  const Descriptor& request = *RequestOf(route);
  Json parameters = Json::array();
  std::set<std::string> taken;
  for (const std::string& name : PathParameters(route.path)) {
    taken.insert(name);
    parameters.push_back(Parameter(name, "path", schemas.OfText(*request.FindFieldByName(name))));
  }
  for (int i = 0; i < request.field_count(); ++i) {
    const FieldDescriptor& field = *request.field(i);
    if (taken.contains(field.name()) || !IsQueryField(route, field)) continue;
    parameters.push_back(Parameter(field.name(), "query", schemas.OfText(field)));
    if (IsBadge(route.form) && field.name() == "name") {
      parameters.back()["required"] = true;
      parameters.back()["schema"]["minLength"] = 1;
    }
  }
  for (const OwnParameter& own : kOwnParameters) {
    if (own.form != route.form) continue;
    parameters.push_back(Parameter(own.name, "query", JsonSchemas::OfSwitch()));
    parameters.back()["description"] = own.text;
  }
  if (IsEventStream(route.form))
    parameters.push_back(Parameter("Last-Event-ID", "header", {{"type", "string"}}));
  if (route.verb == "POST" && FindMethod(route.method)->input_type()->FindFieldByName("idempotency_key"))
    parameters.push_back(Parameter("Idempotency-Key", "header", {{"type", "string"}, {"maxLength", 256}}));
  return parameters;
}

// Fields stand for those of the request, "secret:ID" for the value of a secret.
void AddArchives(Json* content) {
  const Json bytes = {{"type", "string"}, {"contentEncoding", "binary"}};
  const Json request = (*content)["application/json"]["schema"];
  (*content)["multipart/form-data"]["schema"] = {{"type", "object"},
                                                 {"properties", {{"request", request}, {"context", bytes}}}};
  for (const char* type :
       {"application/x-tar", "application/gzip", "application/zstd", "application/octet-stream"})
    (*content)[type]["schema"] = bytes;
}

Json RequestBody(JsonSchemas& schemas, const Route& route) {
  Json content = Content("application/json", schemas.Reference(*RequestOf(route), Use::kRequest));
  if (route.form == Form::kFiles) AddArchives(&content);
  return {{"content", std::move(content)}};
}

// `x-events`: the data of each kind of event.
Json EventStream(Json events) {
  events["problem"] = Schema("Problem");
  events["end"] = Schema("End");
  return {{"text/event-stream", {{"x-events", std::move(events)}}}};
}

Json AnswerContent(JsonSchemas& schemas, const Route& route) {
  const Descriptor& output = *FindMethod(route.method)->output_type();
  const auto of = [&](const Descriptor* message) { return schemas.Reference(*message, Use::kAnswer); };
  switch (route.form) {
    case Form::kRecipe:
      return Content("text/plain", {{"type", "string"}});
    case Form::kFeed:
      return Content("application/atom+xml", {{"type", "string"}});
    case Form::kBuildBadge:
    case Form::kVerdictBadge:
      return Content("image/svg+xml", {{"type", "string"}});
    case Form::kEvents:
      return EventStream({{"event", of(v1::BuildEvent::descriptor())},
                          {"log", of(v1::WatchedLog::descriptor())},
                          {"progress", of(v1::PlanningProgress::descriptor())}});
    case Form::kFarmEvents:
      return EventStream({{"farm", of(v1::FarmNews::descriptor())}});
    case Form::kLogEvents:
      return EventStream({{"log", of(v1::LogChunk::descriptor())}});
    case Form::kList:
      return Content("application/json",
                     {{"type", "object"},
                      {"properties", {{"items", {{"type", "array"}, {"items", of(&output)}}}}},
                      {"required", Json::array({"items"})}});
    case Form::kLog: {
      Json content = Content("application/json", of(&output));
      content["text/plain"] = {{"schema", {{"type", "string"}}}};
      return content;
    }
    case Form::kMessage:
    case Form::kFiles:
      break;
  }
  return Content("application/json", of(&output));
}

// Two routes may have one method.
std::string OperationId(const Route& route) {
  switch (route.form) {
    case Form::kRecipe:
      return "GetRecipe";
    case Form::kFeed:
      return "GetFeed";
    case Form::kBuildBadge:
      return "GetBuildBadge";
    case Form::kVerdictBadge:
      return "GetVerdictBadge";
    default:
      break;
  }
  // Where two services have a method of one name, their names stand before it.
  const auto name = [](const Route& of) { return of.method.substr(of.method.find('/') + 1); };
  const bool shared = std::any_of(Routes().begin(), Routes().end(), [&](const Route& other) {
    return other.method != route.method && name(other) == name(route);
  });
  const std::string service(shared ? FindMethod(route.method)->service()->name() : std::string());
  return service + std::string(name(route));
}

// "read": what the caller has to be at least.
std::string RoleOf(const MethodDescriptor& method) {
  constexpr std::string_view kPrefix = "ACCESS_";
  const std::string& name = v1::Access_Name(method.options().GetExtension(v1::access));
  return absl::AsciiStrToLower(name.substr(std::min(name.size(), kPrefix.size())));
}

void AddFilesForm(Json* operation) {
  Json secret = Parameter("Crossmill-Secret", "header", {{"type", "string"}});
  secret["description"] = "ID=BASE64 of a secret; may be there several times.";
  (*operation)["parameters"].push_back(std::move(secret));
  // What is fetched is a build later.
  Json& responses = (*operation)["responses"];
  responses["201"] = responses["202"] = Json(responses["200"]);
  responses.erase("200");
}

Json OperationOf(JsonSchemas& schemas, const Route& route) {
  const MethodDescriptor& method = *FindMethod(route.method);
  const bool creates = method.output_type() == v1::SubmitBuildResponse::descriptor();
  Json operation = {{"operationId", OperationId(route)},
                    {"summary", route.summary},
                    {"tags", Json::array({method.service()->name()})},
                    {"x-role", RoleOf(method)},
                    {"parameters", ParametersOf(schemas, route)}};
  if (route.verb == "POST") operation["requestBody"] = RequestBody(schemas, route);
  operation["responses"] = {
      {creates ? "201" : "200", {{"description", "OK"}, {"content", AnswerContent(schemas, route)}}},
      {"default",
       {{"description", "What was wrong (RFC 9457)"},
        {"content", Content("application/problem+json", Schema("Problem"))}}}};
  if (route.verb == "GET" && !IsEventStream(route.form))
    operation["responses"]["304"] = {{"description", "If-None-Match has the ETag of this answer"}};
  if (route.form == Form::kFiles) AddFilesForm(&operation);
  return operation;
}

void AddOwnSchemas(JsonSchemas& schemas) {
  const Json text = {{"type", "string"}};
  schemas.Add("Problem", {{"type", "object"},
                          {"properties",
                           {{"type", text},
                            {"title", text},
                            {"status", {{"type", "integer"}}},
                            {"detail", text},
                            {"code", text},
                            {"requestId", text}}},
                          {"required", {"type", "title", "status", "detail", "code", "requestId"}}});
  // The last event of a stream that has come to its end.
  schemas.Add("End", {{"type", "object"}});
}

}  // namespace

Json OpenApiDocument() {
  JsonSchemas schemas;
  AddOwnSchemas(schemas);
  Json paths = Json::object();
  for (const Route& route : Routes()) {
    const std::string verb = absl::AsciiStrToLower(Av(route.verb));
    paths[std::string(route.path)][verb] = OperationOf(schemas, route);
  }
  Json security = Json::array({{{"token", Json::array()}}, {{"session", Json::array()}}});
  Json schemes = {{"token", {{"type", "http"}, {"scheme", "bearer"}}},
                  {"session", {{"type", "apiKey"}, {"in", "cookie"}, {"name", "crossmill_session"}}}};
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "Crossmill"}, {"version", CROSSMILL_VERSION}}},
          {"security", std::move(security)},
          {"paths", std::move(paths)},
          {"components", {{"schemas", schemas.Take()}, {"securitySchemes", std::move(schemes)}}}};
}

}  // namespace crossmill::coordinator::door
