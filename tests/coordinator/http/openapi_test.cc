#include "coordinator/http/table/openapi.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>

#include "common/base/files.h"
#include "coordinator/http/table/methods.h"
#include "coordinator/http/table/route_table.h"
#include "coordinator/rpc/authenticator.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::door {
namespace {

using ::testing::AnyOf;

void CollectReferences(const Json& value, std::set<std::string>* names) {
  if (value.is_object() && value.contains("$ref") && value["$ref"].is_string())
    names->insert(value["$ref"].get<std::string>());
  if (value.is_structured()) {
    for (const auto& part : value) CollectReferences(part, names);
  }
}

TEST(RouteTableTest, EveryRouteHasAMethodOfAServedService) {
  for (const Route& route : Routes()) {
    ASSERT_NE(FindMethod(route.method), nullptr) << route.method;
    const size_t slash = route.method.find('/');
    const auto access = AccessOf(route.method.substr(0, slash), route.method.substr(slash + 1));
    ASSERT_TRUE(access.has_value()) << route.method;
    // Clients' only, but for those who come for a token, and a reader's only if it changes nothing.
    EXPECT_THAT(*access, AnyOf(v1::ACCESS_READ, v1::ACCESS_SUBMIT, v1::ACCESS_OPERATE, v1::ACCESS_OPEN))
        << route.method;
    EXPECT_EQ(*access == v1::ACCESS_OPEN, route.path == "/api/v1/token") << route.path;
    EXPECT_TRUE(route.verb == "GET" || *access != v1::ACCESS_READ) << route.path;
    for (const std::string& name : PathParameters(route.path))
      EXPECT_NE(RequestOf(route)->FindFieldByName(name), nullptr) << route.path;
  }
}

TEST(OpenApiTest, EveryReferenceHasItsSchema) {
  const Json document = OpenApiDocument();
  std::set<std::string> names;
  CollectReferences(document, &names);
  EXPECT_GT(names.size(), 30u);
  for (const std::string& name : names) {
    const std::string prefix = "#/components/schemas/";
    ASSERT_TRUE(name.starts_with(prefix)) << name;
    EXPECT_TRUE(document["components"]["schemas"].contains(name.substr(prefix.size()))) << name;
  }
}

TEST(OpenApiTest, EveryRouteIsAnOperationWithANameOfItsOwn) {
  const Json document = OpenApiDocument();
  std::set<std::string> names;
  size_t operations = 0;
  for (const auto& [path, verbs] : document["paths"].items()) {
    for (const auto& [verb, operation] : verbs.items()) {
      ++operations;
      EXPECT_THAT(operation["x-role"].get<std::string>(), AnyOf("read", "submit", "operate", "open")) << path;
      EXPECT_TRUE(names.insert(operation["operationId"].get<std::string>()).second) << path;
    }
  }
  EXPECT_EQ(operations, Routes().size());
}

// The page takes its types from it (npm run types, in web/). CROSSMILL_ACCEPT=1 writes it.
TEST(OpenApiTest, ThePageHasThisOne) {
  const std::string path = CROSSMILL_SOURCE_FOLDER "/web/api/openapi.json";
  const Json document = OpenApiDocument();
  if (std::getenv("CROSSMILL_ACCEPT") != nullptr)
    ASSERT_OK(WriteFileAtomic(path, WriteJsonPretty(document) + "\n"));
  const auto text = ReadFile(path, 16 << 20);
  ASSERT_OK(text);
  EXPECT_EQ(Json::parse(*text), document);
}

}  // namespace
}  // namespace crossmill::coordinator::door
