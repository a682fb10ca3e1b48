#include "app/drill/site_view.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/json_text.h"

namespace tandem::drill {

namespace json = boost::json;

struct SiteView::Json {
    json::value value;
};

namespace {

std::string text_at(const json::value& item, std::string_view field) {
    const json::value* found = item.is_object() ? item.as_object().if_contains(field) : nullptr;
    if (found == nullptr || !found->is_string()) return {};
    return std::string(found->as_string());
}

int64_t number_at(const json::value& item, std::string_view field) {
    const json::value* found = item.is_object() ? item.as_object().if_contains(field) : nullptr;
    boost::system::error_code error;
    if (found == nullptr || !found->is_number()) return 0;
    const auto number = found->to_number<int64_t>(error);
    return error ? 0 : number;
}

bool flag_at(const json::value& item, std::string_view field) {
    const json::value* found = item.is_object() ? item.as_object().if_contains(field) : nullptr;
    return found != nullptr && found->is_bool() && found->as_bool();
}

const json::array& list_at(const json::value& item, std::string_view field) {
    static const json::array none;
    const json::value* found = item.is_object() ? item.as_object().if_contains(field) : nullptr;
    return found != nullptr && found->is_array() ? found->as_array() : none;
}

std::string account_path(const std::string& domain, const std::string& login) {
    return "/api/v1/domains/" + domain + "/accounts/" + login;
}

// "http://192.0.2.1:8080": the address, when it is one.
std::optional<IpAddress> host_of(const std::string& urls) {
    const std::string url = urls.substr(0, urls.find(','));
    const size_t begin = url.find("://");
    if (begin == std::string::npos) return std::nullopt;
    const std::string rest = url.substr(begin + 3, url.find('/', begin + 3) - begin - 3);
    if (const auto both = SocketAddress::parse(rest)) return both->ip;
    return IpAddress::parse(rest.substr(0, rest.rfind(':')));
}

}  // namespace

Result<SiteView::Json> SiteView::get(const std::string& path) const {
    const cli::Answer answer = TRY(cli::Client(url_, token_).call("GET", path));
    boost::system::error_code error;
    json::value value = json::parse(answer.body, error);
    if (error) return make_error(ErrorCode::Malformed, "", path + ": the answer is not JSON");
    return Json{std::move(value)};
}

Result<SiteView::Json> SiteView::list(const std::string& path) const {
    json::array items;
    std::string after;
    do {
        const std::string mark = path.find('?') == std::string::npos ? "?" : "&";
        const std::string next = after.empty() ? "" : "&after=" + cli::encode(after);
        const Json page = TRY(get(path + mark + "limit=1000" + next));
        for (const json::value& item : list_at(page.value, "items")) items.push_back(item);
        after = text_at(page.value, "next");
    } while (!after.empty());
    return Json{json::value(std::move(items))};
}

Result<void> SiteView::send(const char* method, const std::string& path,
                            const std::string& body) const {
    TRY(cli::Client(url_, token_).call(method, path, body));
    return {};
}

Result<std::vector<RunningInstance>> SiteView::instances() const {
    const Json status = TRY(get("/api/v1/status"));
    std::vector<RunningInstance> all;
    for (const json::value& node : list_at(status.value, "nodes")) {
        for (const json::value& each : list_at(node, "instances")) {
            const std::string state = text_at(each, "state");
            if (state == "draining") continue;
            all.push_back({static_cast<int>(number_at(node, "node")), text_at(each, "role"),
                           static_cast<int>(number_at(each, "instance")),
                           state == "active" || flag_at(each, "active")});
        }
    }
    std::ranges::sort(all);
    return all;
}

Result<void> SiteView::check_allowed(const std::vector<int>& nodes) const {
    const Json status = TRY(get("/api/v1/status"));
    for (const json::value& node : list_at(status.value, "nodes")) {
        const int number = static_cast<int>(number_at(node, "node"));
        if (std::ranges::find(nodes, number) == nodes.end() || flag_at(node, "drills_allowed"))
            continue;
        return make_error(ErrorCode::Forbidden, "",
                          "drills are not allowed on the server of node " + std::to_string(number) +
                              ": its bootstrap file does not have drills_allowed = true");
    }
    return {};
}

bool SiteView::is_healthy() const {
    return cli::Client(url_, token_).call("GET", "/api/v1/health").has_value();
}

Result<std::vector<SocketAddress>> SiteView::gates() const {
    const Json roles = TRY(list("/api/v1/roles"));
    const Json interfaces = TRY(list("/api/v1/interfaces"));
    std::vector<SocketAddress> found;
    for (const json::value& role : roles.value.as_array()) {
        if (text_at(role, "role") != "SG" || !flag_at(role, "enabled")) continue;
        const json::value* settings = role.as_object().if_contains("sip_gate");
        const int64_t port = settings != nullptr ? number_at(*settings, "udp_port") : 5060;
        if (port == 0) continue;
        for (const json::value& each : interfaces.value.as_array()) {
            if (text_at(each, "server") != text_at(role, "server")) continue;
            if (!flag_at(each, "serves_signalling")) continue;
            auto ip = IpAddress::parse(text_at(each, "address"));
            if (!ip || ip->family != AddressFamily::V4) continue;
            if (ip->is_unspecified()) ip = host_of(url_);
            if (!ip || ip->family != AddressFamily::V4) ip = IpAddress::parse("127.0.0.1");
            found.push_back({*ip, static_cast<uint16_t>(port)});
            break;
        }
    }
    if (found.empty()) {
        return make_error(ErrorCode::NotFound, "",
                          "no SIP gate that takes UDP over IPv4 was found; name one with --sip");
    }
    return found;
}

Result<std::vector<std::string>> SiteView::servers() const {
    const Json servers = TRY(list("/api/v1/servers"));
    std::vector<std::string> names;
    for (const json::value& server : servers.value.as_array())
        names.push_back(text_at(server, "name"));
    return names;
}

Result<std::vector<int>> SiteView::nodes_of_server(const std::string& name) const {
    const Json servers = TRY(list("/api/v1/servers"));
    const Json roles = TRY(list("/api/v1/roles"));
    std::string id;
    std::set<int> nodes;
    for (const json::value& server : servers.value.as_array()) {
        if (text_at(server, "name") != name) continue;
        id = text_at(server, "id");
        if (number_at(server, "node") > 0)
            nodes.insert(static_cast<int>(number_at(server, "node")));
    }
    if (id.empty()) return make_error(ErrorCode::NotFound, "", "there is no server " + name);
    for (const json::value& role : roles.value.as_array()) {
        const bool runs = text_at(role, "server") == id && flag_at(role, "enabled");
        if (runs) nodes.insert(static_cast<int>(number_at(role, "node")));
    }
    return std::vector<int>(nodes.begin(), nodes.end());
}

Result<void> SiteView::make_domain(const std::string& domain) const {
    JsonWriter body;
    body.begin_object().field("name").value(domain).end_object();
    return send("POST", "/api/v1/domains", body.take());
}

Result<void> SiteView::make_account(const std::string& domain, const Account& account) const {
    JsonWriter body;
    body.begin_object().field("login").value(account.login).field("number").value(account.login);
    body.field("password").value(account.password).end_object();
    return send("POST", "/api/v1/domains/" + domain + "/accounts", body.take());
}

bool SiteView::has_account(const std::string& domain, const std::string& login) const {
    return get(account_path(domain, login)).has_value();
}

Result<void> SiteView::rename_account(const std::string& domain, const std::string& login,
                                      const std::string& name) const {
    JsonWriter body;
    body.begin_object().field("display_name").value(name).end_object();
    return send("PATCH", account_path(domain, login), body.take());
}

Result<void> SiteView::remove_account(const std::string& domain, const std::string& login) const {
    return send("DELETE", account_path(domain, login), {});
}

Result<void> SiteView::remove_domain(const std::string& domain) const {
    return send("DELETE", "/api/v1/domains/" + domain, {});
}

Result<std::set<std::string>> SiteView::contacts(const std::string& domain) const {
    const Json bindings = TRY(list("/api/v1/domains/" + domain + "/bindings"));
    std::set<std::string> all;
    for (const json::value& each : bindings.value.as_array()) all.insert(text_at(each, "contact"));
    return all;
}

Result<OwnedCalls> SiteView::owned_calls(const std::string& domain) const {
    const Json calls = TRY(list("/api/v1/domains/" + domain + "/calls"));
    OwnedCalls owned;
    std::set<std::string> known;
    for (const json::value& call : calls.value.as_array()) {
        bool is_new = true;
        for (const json::value& id : list_at(call, "call_ids")) {
            is_new = known.insert(std::string(id.as_string())).second && is_new;
        }
        if (!is_new) ++owned.same_call_id;
    }
    const Json index = TRY(get("/api/v1/calls?limit=1"));
    owned.listed = static_cast<uint64_t>(number_at(index.value, "total"));
    const Json status = TRY(get("/api/v1/status"));
    for (const json::value& node : list_at(status.value, "nodes")) {
        for (const json::value& each : list_at(node, "instances")) {
            if (text_at(each, "role") != "B2B") continue;
            const json::value* figures = each.as_object().if_contains("figures");
            if (figures) owned.of_owners += static_cast<uint64_t>(number_at(*figures, "calls"));
        }
    }
    return owned;
}

Result<std::map<std::string, int>> SiteView::answered_records(const std::string& domain) const {
    const Json records = TRY(list("/api/v1/domains/" + domain + "/cdr"));
    std::map<std::string, int> count;
    for (const json::value& record : records.value.as_array()) {
        if (text_at(record, "result") != "answered") continue;
        std::set<std::string> ids;  // a call that came back to itself has one twice
        for (const json::value& leg : list_at(record, "legs")) ids.insert(text_at(leg, "call_id"));
        for (const std::string& id : ids) ++count[id];
    }
    return count;
}

Result<Duration> SiteView::harm(int node, const Harm& harm) const {
    JsonWriter body;
    body.begin_object().field("kind").value(harm.kind);
    body.field("scope").value(harm.whole_server ? "server" : "node");
    if (harm.seconds > 0) body.field("seconds").value(harm.seconds);
    body.end_object();
    const std::string path = "/api/v1/nodes/" + std::to_string(node) + "/harm";
    const cli::Answer answer = TRY(cli::Client(url_, token_).call("POST", path, body.take()));
    boost::system::error_code error;
    const json::value value = json::parse(answer.body, error);
    return Duration(error ? 0ms : std::chrono::milliseconds(number_at(value, "in_ms")));
}

}  // namespace tandem::drill
