// A build as it is listed and found by a filter: without what is long in it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/filter/filter.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::overview {

// What a filter asks of: the columns of the table build_list. Texts are folded (filter::Folded), and what a
// text is made of has separators that no filter can hold, so that a look for a piece of text is a look for a
// whole one.
struct BuildFacts {
  int64_t build = 0;
  int64_t submitted_at = 0;
  // Of one that runs: now.
  int64_t finished_at = 0;
  int64_t status = 0;
  // A bit for each verdict of its cells that have ended: 1 << v1.Verdict.
  int64_t verdicts = 0;
  // "\nlinux/amd64\nlinux/arm64\n"
  std::string platforms;
  // "/registry.example:5000/team/shop-api\t1.0\n": slash, image name, tab, tag; without images where its
  // context came from.
  std::string names;
  // "\nteam=shop\n"
  std::string labels;
  std::string target;
  // Names, Dockerfile, target, message.
  std::string text;
};

// `now_ns` is the end of a build that has none.
BuildFacts FactsOf(const v1::BuildSubmission& submission, const v1::BuildView& view, int64_t now_ns);

// Whether it fulfils every term. The SQL of storage/build_list says the same of the table.
bool Matches(const filter::Filter& filter, const BuildFacts& facts);

// What is looked for in the column of a term whose column is a text: any of them.
std::vector<std::string> NeedlesOf(const filter::Term& term);
// The number that a plain word may be: "412", "#412"; 0: it is none.
int64_t NumberIn(std::string_view word);

// Leaves of a build or cell what lists show: no stages, and of a comparison the steps that differ, with how
// many paths do, without paths, witnesses and causes.
void KeepHeadline(v1::BuildView* view);
// What KeepHeadline would leave of it, without a copy of its stages, which may be thousands.
v1::BuildView HeadlineOf(const v1::BuildView& view);
void KeepHeadline(v1::CellView* cell);

}  // namespace crossmill::overview
