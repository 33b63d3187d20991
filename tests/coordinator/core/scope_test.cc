#include "coordinator/core/standing/scope.h"

#include <gtest/gtest.h>

#include <set>

namespace crossmill::core {
namespace {

TEST(ScopeTest, WhoDecidesAboutTheFarmSeesAllAndOthersTheirProject) {
  const Author boss{"boss", true, "default"}, anna{"anna", false, "default"}, ben{"ben", false, "shop"};
  struct Case {
    Author who;
    const char* whose;
    bool sees;
  };
  for (const Case& each : {Case{boss, "", true}, Case{boss, "shop", true}, Case{boss, "bank", true},
                           Case{anna, "", true}, Case{anna, "default", true}, Case{anna, "shop", false},
                           Case{ben, "shop", true}, Case{ben, "", false}, Case{ben, "default", false},
                           Case{ben, "bank", false}, Case{ben, "sho", false}, Case{ben, "shop2", false}}) {
    EXPECT_EQ(ScopeOf(each.who).Sees(each.whose), each.sees) << each.who.owner << " and " << each.whose;
    v1::BuildSubmission submission;
    submission.set_project(each.whose);
    EXPECT_EQ(ScopeOf(each.who).Sees(submission), each.sees);
  }
  EXPECT_TRUE(Scope::OfFarm().is_farm());
  // No name of a project opens all.
  EXPECT_FALSE(Scope::OfProject("").is_farm());
  EXPECT_EQ(Scope::OfProject("").project(), "default");
}

TEST(ScopeTest, KeysOfTheDefaultProjectAreThoseOfBefore) {
  for (const char* text : {"", "image app, Dockerfile", "/root/.cache/pip", "projects"})
    EXPECT_EQ(InProject("", text), text);
  EXPECT_EQ(InProject("default", "image app"), "image app");
  EXPECT_EQ(InProject("shop", "image app"), "project shop, image app");
}

TEST(ScopeTest, NoTextOfOneProjectIsAKeyOfAnother) {
  const std::set<std::string> projects = {"default", "shop", "bank", "shop2"};
  for (const std::string text :
       {"", "app", "project shop, app", "project bank, app", "project default, app", "project ",
        "project shop", "project shop, project bank, app", "project ,", "project sho", ", app"}) {
    for (const std::string& project : projects) {
      const std::string key = InProject(project, text);
      EXPECT_EQ(ProjectOfKey(key), project) << key;
      // Keys of recorded plans are made once more.
      EXPECT_EQ(InProject(project, key), key);
      for (const std::string& other : projects)
        EXPECT_EQ(Scope::OfProject(other).SeesKey(key), other == project);
    }
  }
}

TEST(ScopeTest, TokensOfOneNameInTwoProjectsAreTwoClients) {
  EXPECT_EQ(ClientOf({"ci", false, "default"}), "ci");
  EXPECT_EQ(ClientOf({"ci", false, "shop"}), "shop/ci");
}

}  // namespace
}  // namespace crossmill::core
