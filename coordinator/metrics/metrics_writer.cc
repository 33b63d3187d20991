#include "coordinator/metrics/metrics_writer.h"

#include <fmt/format.h>

namespace crossmill::coordinator {
namespace {

// Both forms escape the same three characters in the value of a label.
void AppendEscaped(std::string_view value, std::string& text) {
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
    } else {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
  }
}

}  // namespace

void MetricsWriter::Info(std::string_view name, std::string_view help, Labels labels) {
  const bool open = form_ == MetricsForm::kOpenMetrics;
  Head(open ? std::string(name) : fmt::format("{}_info", name), open ? "info" : "gauge", help);
  Line(fmt::format("{}_info", name), labels, "1");
}

void MetricsWriter::BeginCounter(std::string_view name, std::string_view help) {
  sample_ = fmt::format("{}_total", name);
  Head(form_ == MetricsForm::kOpenMetrics ? std::string(name) : sample_, "counter", help);
}

void MetricsWriter::BeginGauge(std::string_view name, std::string_view help) {
  Head(name, "gauge", help);
  sample_ = name;
}

void MetricsWriter::BeginHistogram(std::string_view name, std::string_view help) {
  Head(name, "histogram", help);
  sample_ = name;
}

void MetricsWriter::Sample(int64_t value, Labels labels) { Line(sample_, labels, fmt::format("{}", value)); }

void MetricsWriter::SampleReal(double value, int digits, Labels labels) {
  Line(sample_, labels, fmt::format("{:.{}f}", value, digits));
}

void MetricsWriter::SampleUnlimited() { Line(sample_, {}, "+Inf"); }

// Each bucket has what the ones before it have, too. OpenMetrics wants ends as numbers with a point.
void MetricsWriter::SampleRanges(const std::vector<double>& ends, const std::vector<int64_t>& counts,
                                 double sum) {
  const std::string bucket = sample_ + "_bucket";
  int64_t total = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const std::string end = i < ends.size() ? fmt::format("{:.1f}", ends[i]) : "+Inf";
    Line(bucket, {{"le", end}}, fmt::format("{}", total));
  }
  Line(sample_ + "_sum", {}, fmt::format("{:.6f}", sum));
  Line(sample_ + "_count", {}, fmt::format("{}", total));
}

std::string MetricsWriter::Take() {
  if (form_ == MetricsForm::kOpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

// In one order in both forms: OpenMetrics wants TYPE first, the text format does not care.
void MetricsWriter::Head(std::string_view name, std::string_view type, std::string_view help) {
  text_ += fmt::format("# TYPE {} {}\n# HELP {} {}\n", name, type, name, help);
}

void MetricsWriter::Line(std::string_view name, Labels labels, std::string_view value) {
  text_ += name;
  char separator = '{';
  for (const auto& [label, word] : labels) {
    text_ += separator;
    text_ += label;
    text_ += "=\"";
    AppendEscaped(word, text_);
    text_ += '"';
    separator = ',';
  }
  if (separator == ',') text_ += '}';
  text_ += ' ';
  text_ += value;
  text_ += '\n';
}

}  // namespace crossmill::coordinator
