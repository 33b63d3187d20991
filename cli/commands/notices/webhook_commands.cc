// crossmill webhook add|ls|rm|deliveries|redeliver.
#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "cli/show/text.h"
#include "common/base/json.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr int kDeliveriesPage = 1000;

struct AddFlags {
  std::string url;
  std::string names;
};

struct DeliveryFlags {
  int64_t webhook = 0;
  int limit = 50;
};

std::string_view StateWord(v1::WebhookDelivery::State state) {
  switch (state) {
    case v1::WebhookDelivery::STATE_PENDING:
      return "pending";
    case v1::WebhookDelivery::STATE_DELIVERED:
      return "delivered";
    case v1::WebhookDelivery::STATE_FAILED:
      return "failed";
    default:
      return "";
  }
}

Ink StateInk(v1::WebhookDelivery::State state) {
  if (state == v1::WebhookDelivery::STATE_DELIVERED) return Ink::kGreen;
  return state == v1::WebhookDelivery::STATE_FAILED ? Ink::kRed : Ink::kYellow;
}

// Null for 0.
Json WhenJson(int64_t unix_nanos) { return unix_nanos == 0 ? Json() : Json(FormatRfc3339(unix_nanos)); }

Json WebhookJson(const v1::Webhook& webhook) {
  return {{"id", webhook.id()},           {"url", webhook.url()},
          {"names", webhook.names()},     {"created_at", WhenJson(webhook.created_at())},
          {"pending", webhook.pending()}, {"failed", webhook.failed()}};
}

Json DeliveryJson(const v1::WebhookDelivery& delivery) {
  const v1::StateChange& change = delivery.change();
  return {{"id", delivery.id()},
          {"state", StateWord(delivery.state())},
          {"name", change.name()},
          {"platform", FormatPlatform(change.platform())},
          {"build", change.build_id()},
          {"status", Word(change.status())},
          {"status_before", Word(change.status_before())},
          {"verdict", Word(change.verdict())},
          {"verdict_before", Word(change.verdict_before())},
          {"attempts", delivery.attempts()},
          {"created_at", WhenJson(delivery.created_at())},
          {"last_attempt_at", WhenJson(delivery.last_attempt_at())},
          {"next_attempt_at", WhenJson(delivery.next_attempt_at())},
          {"answer", delivery.status() == 0 ? Json() : Json(delivery.status())},
          {"problem", delivery.problem()}};
}

absl::StatusOr<int> AddHook(Session& session, const AddFlags& flags) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::AddWebhookRequest request;
  request.set_url(flags.url);
  request.set_names(flags.names);
  ASSIGN_OR_RETURN(const v1::AddWebhookResponse response,
                   session.Call(*farm->webhooks, &v1::Webhooks::StubInterface::AddWebhook, request));
  if (session.json) {
    Json json = WebhookJson(response.webhook());
    json["secret"] = response.secret();
    RETURN_IF_ERROR(session.PrintJson(json));
    return kExitOk;
  }
  RETURN_IF_ERROR(
      session.Print(fmt::format("webhook {}\nsecret {}\n", response.webhook().id(), response.secret())));
  session.Tell("The secret is not shown again: deliveries are signed with it.\n");
  return kExitOk;
}

absl::StatusOr<int> ListHooks(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(
      const v1::ListWebhooksResponse response,
      session.Call(*farm->webhooks, &v1::Webhooks::StubInterface::ListWebhooks, v1::ListWebhooksRequest()));
  if (session.json) {
    Json list = Json::array();
    for (const v1::Webhook& webhook : response.webhooks()) list.push_back(WebhookJson(webhook));
    RETURN_IF_ERROR(session.PrintJson(list));
    return kExitOk;
  }
  if (response.webhooks().empty()) {
    RETURN_IF_ERROR(session.Print("no webhooks: `crossmill webhook add URL` adds one\n"));
    return kExitOk;
  }
  Table table({{"ID", Table::Align::kRight},
               {"NAMES"},
               {"URL"},
               {"PENDING", Table::Align::kRight},
               {"FAILED", Table::Align::kRight},
               {"ADDED"}},
              2);
  const int64_t now = UnixNanos(session.env.clock().Now());
  for (const v1::Webhook& webhook : response.webhooks()) {
    table.Add({{std::to_string(webhook.id()), Ink::kBold},
               {webhook.names().empty() ? "all" : Printable(webhook.names())},
               {Printable(webhook.url())},
               {std::to_string(webhook.pending())},
               {std::to_string(webhook.failed()), webhook.failed() > 0 ? Ink::kRed : Ink::kPlain},
               {FormatAge(webhook.created_at(), now)}});
  }
  RETURN_IF_ERROR(session.Print(table.Render(session.OutText())));
  return kExitOk;
}

absl::StatusOr<int> RemoveHook(Session& session, int64_t webhook) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::RemoveWebhookRequest request;
  request.set_webhook_id(webhook);
  RETURN_IF_ERROR(
      session.Call(*farm->webhooks, &v1::Webhooks::StubInterface::RemoveWebhook, request).status());
  return kExitOk;
}

// Newest first.
absl::StatusOr<std::vector<v1::WebhookDelivery>> LoadDeliveries(Session& session,
                                                                const DeliveryFlags& flags) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::ListDeliveriesRequest request;
  request.set_webhook_id(flags.webhook);
  request.set_page_size(std::min(flags.limit, kDeliveriesPage));
  ASSIGN_OR_RETURN(const v1::ListDeliveriesResponse response,
                   session.Call(*farm->webhooks, &v1::Webhooks::StubInterface::ListDeliveries, request));
  return std::vector<v1::WebhookDelivery>(response.deliveries().begin(), response.deliveries().end());
}

absl::StatusOr<int> ListHookDeliveries(Session& session, const DeliveryFlags& flags) {
  ASSIGN_OR_RETURN(const std::vector<v1::WebhookDelivery> deliveries, LoadDeliveries(session, flags));
  if (session.json) {
    Json list = Json::array();
    for (const v1::WebhookDelivery& delivery : deliveries) list.push_back(DeliveryJson(delivery));
    RETURN_IF_ERROR(session.PrintJson(list));
    return kExitOk;
  }
  if (deliveries.empty()) {
    RETURN_IF_ERROR(session.Print("nothing was to be delivered to it yet\n"));
    return kExitOk;
  }
  Table table({{"ID", Table::Align::kRight},
               {"STATE"},
               {"ATTEMPTS", Table::Align::kRight},
               {"NAME"},
               {"PLATFORM"},
               {"BUILD", Table::Align::kRight},
               {"WHEN"},
               {"PROBLEM"}},
              7);
  const int64_t now = UnixNanos(session.env.clock().Now());
  for (const v1::WebhookDelivery& delivery : deliveries) {
    const v1::StateChange& change = delivery.change();
    table.Add({{std::to_string(delivery.id()), Ink::kBold},
               {std::string(StateWord(delivery.state())), StateInk(delivery.state())},
               {std::to_string(delivery.attempts())},
               {Printable(change.name())},
               {FormatPlatform(change.platform())},
               {std::to_string(change.build_id())},
               {FormatAge(delivery.created_at(), now)},
               {Printable(delivery.problem())}});
  }
  RETURN_IF_ERROR(session.Print(table.Render(session.OutText())));
  return kExitOk;
}

absl::StatusOr<int> RedeliverOne(Session& session, int64_t delivery) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::RedeliverRequest request;
  request.set_delivery_id(delivery);
  RETURN_IF_ERROR(session.Call(*farm->webhooks, &v1::Webhooks::StubInterface::Redeliver, request).status());
  return kExitOk;
}

void AddListing(CLI::App& webhook, Session& session) {
  CLI::App* list = webhook.add_subcommand("ls", "List webhooks");
  AddJsonFlag(*list, session);
  list->callback([&session] { session.command = [&session] { return ListHooks(session); }; });
  CLI::App* deliveries =
      webhook.add_subcommand("deliveries", "What was delivered to a webhook, or is to be, newest first");
  auto flags = std::make_shared<DeliveryFlags>();
  deliveries->add_option("webhook", flags->webhook, "Id, as webhook ls shows it")->required();
  deliveries->add_option("--limit", flags->limit, "At most so many [50]")
      ->check(CLI::Range(1, kDeliveriesPage));
  AddJsonFlag(*deliveries, session);
  deliveries->callback([&session, flags] {
    session.command = [&session, flags] { return ListHookDeliveries(session, *flags); };
  });
}

}  // namespace

void AddWebhookCommands(CLI::App& app, Session& session) {
  CLI::App* webhook =
      app.add_subcommand("webhook", "Whom the farm tells when a name's status or verdict changes");
  webhook->require_subcommand(1);
  CLI::App* add = webhook->add_subcommand("add", "Add a webhook; its secret is shown once");
  auto flags = std::make_shared<AddFlags>();
  add->add_option("url", flags->url, "http or https")->type_name("URL")->required();
  add->add_option("--names", flags->names, "Only image names that match: '*' is any text [all]")
      ->type_name("PATTERN");
  AddJsonFlag(*add, session);
  add->callback(
      [&session, flags] { session.command = [&session, flags] { return AddHook(session, *flags); }; });
  AddListing(*webhook, session);
  CLI::App* remove = webhook->add_subcommand("rm", "Remove a webhook and its deliveries");
  auto id = std::make_shared<int64_t>(0);
  remove->add_option("webhook", *id, "Id, as webhook ls shows it")->required();
  remove->callback([&session, id] { session.command = [&session, id] { return RemoveHook(session, *id); }; });
  CLI::App* again = webhook->add_subcommand("redeliver", "Deliver once more, under the same id");
  auto delivery = std::make_shared<int64_t>(0);
  again->add_option("delivery", *delivery, "Id, as webhook deliveries shows it")->required();
  again->callback([&session, delivery] {
    session.command = [&session, delivery] { return RedeliverOne(session, *delivery); };
  });
}

}  // namespace crossmill::cli
