// What a drill asks of the API, and what it orders there.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/cli/client.h"
#include "app/drill/fleet.h"

namespace tandem::drill {

struct RunningInstance {
    int node = 0;
    std::string role;  // "SR"
    int number = 0;
    bool is_active = false;  // says so itself, as copies of an Active-Passive role do
    friend auto operator<=>(const RunningInstance&, const RunningInstance&) = default;
};

// Of all domains, as the index of calls has them and as their owners count them.
struct OwnedCalls {
    uint64_t listed = 0;
    uint64_t of_owners = 0;
    uint64_t same_call_id = 0;  // of this domain: one that another call has, too
    uint64_t twice() const { return same_call_id + (of_owners > listed ? of_owners - listed : 0); }
};

class SiteView {
 public:
    SiteView(std::string url, std::string token) : url_(std::move(url)), token_(std::move(token)) {}

    // May be used by several threads, each of which has its own SiteView.
    Result<std::vector<RunningInstance>> instances() const;
    // An error when one of `nodes` has not been allowed drills; an empty list means none.
    Result<void> check_allowed(const std::vector<int>& nodes) const;
    bool is_healthy() const;
    // UDP addresses of the SIP gates. A gate that listens everywhere is reached where the API is.
    Result<std::vector<SocketAddress>> gates() const;
    Result<std::vector<std::string>> servers() const;
    Result<std::vector<int>> nodes_of_server(const std::string& name) const;

    Result<void> make_domain(const std::string& domain) const;
    Result<void> make_account(const std::string& domain, const Account& account) const;
    bool has_account(const std::string& domain, const std::string& login) const;
    Result<void> rename_account(const std::string& domain, const std::string& login,
                                const std::string& name) const;
    Result<void> remove_account(const std::string& domain, const std::string& login) const;
    Result<void> remove_domain(const std::string& domain) const;

    Result<std::set<std::string>> contacts(const std::string& domain) const;
    Result<OwnedCalls> owned_calls(const std::string& domain) const;
    // By Call-ID: how many CDRs say that it was answered.
    Result<std::map<std::string, int>> answered_records(const std::string& domain) const;

    struct Harm {
        std::string kind;
        int seconds = 0;
        bool whole_server = false;
    };
    // When it will happen, from when it was asked for.
    Result<Duration> harm(int node, const Harm& harm) const;

 private:
    struct Json;  // keeps the library's header out of this one
    Result<Json> get(const std::string& path) const;
    Result<Json> list(const std::string& path) const;  // all pages
    Result<void> send(const char* method, const std::string& path, const std::string& body) const;

    std::string url_;
    std::string token_;
};

}  // namespace tandem::drill
