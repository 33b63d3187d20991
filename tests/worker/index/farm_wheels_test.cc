#include "worker/index/farm_wheels.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crossmill::worker {
namespace {

const std::string kSource(64, 'a');

python::IndexDocument Page() {
  python::IndexDocument page;
  python::IndexFile source;
  source.file_name = "demo-1.0.tar.gz";
  source.url = "https://index.example/demo-1.0.tar.gz";
  source.hashes = {{"sha256", kSource}};
  source.requires_python = ">=3.8";
  source.upload_time = "2024-01-01T00:00:00Z";
  source.uploaded = absl::FromUnixSeconds(1704067200);
  source.yanked = "broken";
  page.files = {source};
  return page;
}

v1::FarmWheel Wheel(const std::string& project = "demo", const std::string& source = kSource) {
  v1::FarmWheel wheel;
  wheel.set_project(project);
  wheel.set_version("1.0");
  wheel.set_file_name("demo-1.0-cp311-cp311-linux_x86_64.whl");
  wheel.mutable_file()->set_hash(std::string(64, 'b'));
  wheel.mutable_file()->set_size_bytes(123);
  wheel.set_source_sha256(source);
  wheel.set_build(7);
  wheel.set_execution(8);
  return wheel;
}

bool Has(const Digest&) { return true; }

TEST(FarmWheelsTest, StandsBesideItsArchiveAndIsAsVisible) {
  python::IndexDocument page = Page();
  const std::vector<v1::FarmWheel> wheels = {Wheel()};
  AddFarmWheels("demo", wheels, Has, &page);
  ASSERT_EQ(page.files.size(), 2u);
  const python::IndexFile& file = page.files[1];
  EXPECT_EQ(file.file_name, "demo-1.0-cp311-cp311-linux_x86_64.whl");
  EXPECT_EQ(file.hashes.at(0).digest, std::string(64, 'b'));
  EXPECT_EQ(file.size, 123u);
  EXPECT_EQ(file.requires_python, ">=3.8");
  EXPECT_EQ(file.uploaded, page.files[0].uploaded) << "--exclude-newer hides both";
  EXPECT_EQ(file.yanked, "broken");
  EXPECT_FALSE(file.core_metadata.has_value()) << "it has none by itself";
  ASSERT_NE(FarmWheelOf(file, wheels), nullptr);
  EXPECT_EQ(FarmWheelOf(file, wheels)->execution(), 8);
  EXPECT_EQ(FarmWheelOf(page.files[0], wheels), nullptr);
}

TEST(FarmWheelsTest, IsNowhereElse) {
  python::IndexDocument page = Page();
  AddFarmWheels("demo", {Wheel("demo", std::string(64, 'c'))}, Has, &page);
  EXPECT_EQ(page.files.size(), 1u) << "compiled from another archive";
  AddFarmWheels("demo", {Wheel("other")}, Has, &page);
  EXPECT_EQ(page.files.size(), 1u) << "another project's";
  AddFarmWheels(
      "demo", {Wheel()}, [](const Digest&) { return false; }, &page);
  EXPECT_EQ(page.files.size(), 1u) << "the file is gone";
  page.files[0].hashes = {{"md5", kSource}};
  AddFarmWheels("demo", {Wheel()}, Has, &page);
  EXPECT_EQ(page.files.size(), 1u) << "nobody knows that it is the same archive";
}

TEST(FarmWheelsTest, ANameOfTheIndexStaysTheIndexs) {
  python::IndexDocument page = Page();
  python::IndexFile own;
  own.file_name = Wheel().file_name();
  own.url = "https://index.example/own.whl";
  page.files.push_back(own);
  const std::vector<v1::FarmWheel> wheels = {Wheel()};
  AddFarmWheels("demo", wheels, Has, &page);
  EXPECT_EQ(page.files.size(), 2u);
  EXPECT_EQ(FarmWheelOf(page.files[1], wheels), nullptr);
}

}  // namespace
}  // namespace crossmill::worker
