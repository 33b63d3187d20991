#include "coordinator/overview/listed_build.h"

#include <google/protobuf/util/field_mask_util.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "common/words/platform.h"
#include "common/words/words.h"
#include "coordinator/core/recipe_identity.h"

namespace crossmill::overview {
namespace {

using filter::Field;
using filter::Folded;
using filter::Term;

// A message may be the end of a console.
constexpr size_t kMostMessage = 2000;

// Without the characters that part texts.
std::string Flat(std::string_view text) {
  std::string flat = Folded(text);
  std::replace_if(
      flat.begin(), flat.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  return flat;
}

// "shop-api\t1.0" of "shop-api:1.0"; a port is no tag.
std::string WithTagApart(std::string name) {
  const size_t slash = name.rfind('/');
  const size_t colon = name.rfind(':');
  if (colon != std::string::npos && (slash == std::string::npos || colon > slash)) name[colon] = '\t';
  return name;
}

std::string NamesOf(const v1::BuildSubmission& submission) {
  std::string names;
  for (const std::string& tag : submission.options().tags()) names += "/" + WithTagApart(Flat(tag)) + "\n";
  const std::string& origin = submission.recipe().context_origin();
  if (names.empty() && !origin.empty()) names = "/" + Flat(origin) + "\n";
  return names;
}

std::string PlatformsOf(const v1::BuildSubmission& submission, const v1::BuildView& view) {
  std::set<std::string> platforms;
  for (const v1::Platform& platform : submission.options().platforms())
    platforms.insert(FormatPlatform(platform));
  for (const v1::CellView& cell : view.cells()) platforms.insert(FormatPlatform(cell.platform()));
  std::string text = "\n";
  for (const std::string& platform : platforms) text += platform + "\n";
  return text;
}

int64_t VerdictsOf(const v1::BuildView& view) {
  int64_t verdicts = 0;
  for (const v1::CellView& cell : view.cells()) {
    if (!IsFinished(cell.status())) continue;
    const v1::Verdict verdict = cell.comparison().verdict();
    verdicts |= int64_t{1} << (verdict == v1::VERDICT_UNSPECIFIED ? v1::VERDICT_UNVERIFIED : verdict);
  }
  return verdicts;
}

bool HasAny(std::string_view text, const std::vector<std::string>& needles) {
  return std::any_of(needles.begin(), needles.end(), [text](const std::string& needle) {
    return text.find(needle) != std::string_view::npos;
  });
}

template <typename Values, typename Value>
bool Holds(const Values& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool MatchesTerm(const Term& term, const BuildFacts& facts) {
  switch (term.field) {
    case Field::kText:
      return HasAny(facts.text, term.texts) || NumberIn(term.texts.front()) == facts.build;
    case Field::kStatus:
      return Holds(term.numbers, facts.status);
    case Field::kVerdict:
      return std::any_of(term.numbers.begin(), term.numbers.end(),
                         [&](int64_t verdict) { return (facts.verdicts >> verdict & 1) != 0; });
    case Field::kPlatform:
      return HasAny(facts.platforms, NeedlesOf(term));
    case Field::kLabel:
      return HasAny(facts.labels, NeedlesOf(term));
    case Field::kName:
      return HasAny(facts.names, NeedlesOf(term));
    case Field::kTarget:
      return Holds(term.texts, facts.target);
    case Field::kBuild:
      return Holds(term.numbers, facts.build);
    case Field::kTime:
      return facts.submitted_at >= term.from && facts.submitted_at < term.below;
    case Field::kDuration: {
      const int64_t took = facts.finished_at - facts.submitted_at;
      return took >= term.from && took < term.below;
    }
  }
  return false;
}

void KeepDiffering(v1::CellComparison* comparison) {
  google::protobuf::RepeatedPtrField<v1::StepComparison> differing;
  for (const v1::StepComparison& step : comparison->steps()) {
    if (step.agrees()) continue;
    v1::StepComparison& kept = *differing.Add();
    kept.set_stage(step.stage());
    kept.set_stage_name(step.stage_name());
    kept.set_step_number(step.step_number());
    kept.set_reaches_image(step.reaches_image());
    kept.set_differences_total(step.differences_total());
  }
  comparison->mutable_steps()->Swap(&differing);
}

}  // namespace

BuildFacts FactsOf(const v1::BuildSubmission& submission, const v1::BuildView& view, int64_t now_ns) {
  BuildFacts facts;
  facts.build = view.id();
  facts.submitted_at = view.created_at();
  facts.finished_at = view.finished_at() != 0 ? view.finished_at() : now_ns;
  facts.status = view.status();
  facts.verdicts = VerdictsOf(view);
  facts.platforms = PlatformsOf(submission, view);
  facts.names = NamesOf(submission);
  facts.labels = "\n";
  for (const v1::BuildArgument& label : submission.options().labels())
    facts.labels += Flat(label.name()) + "=" + Flat(label.value()) + "\n";
  facts.target = Flat(submission.recipe().target());
  // In their own separators a filter's text does not reach from one to the next.
  for (const std::string& part :
       {core::IdentifyRecipe(submission).label, submission.recipe().dockerfile_name(),
        submission.recipe().target(), view.message().substr(0, kMostMessage)}) {
    if (!part.empty()) facts.text += Flat(part) + "\n";
  }
  return facts;
}

bool Matches(const filter::Filter& filter, const BuildFacts& facts) {
  return std::all_of(filter.terms.begin(), filter.terms.end(),
                     [&](const Term& term) { return MatchesTerm(term, facts) != term.negated; });
}

std::vector<std::string> NeedlesOf(const Term& term) {
  std::vector<std::string> needles;
  for (const std::string& text : term.texts) {
    switch (term.field) {
      case Field::kPlatform:
        needles.push_back("\n" + text + "\n");
        break;
      case Field::kLabel:
        needles.push_back(text.find('=') == std::string::npos ? "\n" + text + "=" : "\n" + text + "\n");
        break;
      case Field::kName: {
        const std::string name = "/" + WithTagApart(text);
        needles.push_back(name + "\n");
        // Where a context came from has no tag: its ":" stands as it is. An image name has none of its own.
        if (name != "/" + text) needles.push_back("/" + text + "\n");
        if (name.find('\t') == std::string::npos) needles.push_back(name + "\t");
        break;
      }
      default:
        needles.push_back(text);
    }
  }
  return needles;
}

int64_t NumberIn(std::string_view word) {
  if (word.starts_with('#')) word.remove_prefix(1);
  int64_t number = 0;
  const auto read = std::from_chars(word.data(), word.data() + word.size(), number);
  return read.ec == std::errc() && read.ptr == word.data() + word.size() && number > 0 ? number : 0;
}

void KeepHeadline(v1::CellView* cell) {
  if (cell->has_comparison()) KeepDiffering(cell->mutable_comparison());
  if (cell->rebuild().has_comparison()) KeepDiffering(cell->mutable_rebuild()->mutable_comparison());
}

void KeepHeadline(v1::BuildView* view) {
  view->clear_stages();
  for (v1::CellView& cell : *view->mutable_cells()) KeepHeadline(&cell);
}

v1::BuildView HeadlineOf(const v1::BuildView& view) {
  static const google::protobuf::FieldMask kAllButStages = [] {
    google::protobuf::FieldMask mask;
    const google::protobuf::Descriptor& fields = *v1::BuildView::descriptor();
    for (int i = 0; i < fields.field_count(); ++i) {
      if (fields.field(i)->number() != v1::BuildView::kStagesFieldNumber)
        mask.add_paths(std::string(fields.field(i)->name()));
    }
    return mask;
  }();
  v1::BuildView head;
  google::protobuf::util::FieldMaskUtil::MergeMessageTo(view, kAllButStages, {}, &head);
  KeepHeadline(&head);
  return head;
}

}  // namespace crossmill::overview
