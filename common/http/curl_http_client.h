// HttpClient on libcurl.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/http/http_client.h"

namespace crossmill::http {

struct CurlOptions {
  std::string user_agent = "crossmill";
  absl::Duration connect_limit = absl::Seconds(30);
  // Certificates to trust instead of the system's. Empty: $CURL_CA_BUNDLE, else $SSL_CERT_FILE, else the
  // system's.
  std::string ca_file;
  // Asked before each connection, redirects and those to proxies included: "" lets it be, else the reason why
  // not. May be empty.
  std::function<std::string(const sockaddr& address)> refuse_address;
  // False: an answer that sends elsewhere is the answer.
  bool follow_redirects = true;
  // False: to no proxy, whatever the variables say.
  bool use_proxies = true;
};

// Connections are kept and used again. Proxies are those of the usual variables (http_proxy, https_proxy,
// all_proxy, no_proxy), never for loopback hosts.
std::unique_ptr<HttpClient> MakeCurlHttpClient(CurlOptions options = {});

}  // namespace crossmill::http
