#include "app/site/site_desk.h"

#include <algorithm>

#include "app/config/site_keys.h"
#include "app/parent/parent.h"
#include "app/version.h"
#include "store/catalog.h"

namespace tandem::app {
namespace {

using Level = ports::LogLine::Level;

// How often a certificate is looked at, and asked for while it is due.
constexpr Duration kRenewal = std::chrono::minutes(1);
// The same refusal is said so often: the other side dials again every second.
constexpr Duration kRefusalPause = std::chrono::minutes(1);
// How long a node that left the layers may take to say what it still has.
constexpr Duration kVanishing = 3s;
constexpr size_t kJoiningMax = 64;  // more than strangers may ask at once
// Whoever reaches the port may ask, and each question is a read of the store and a line in the log.
constexpr int kAsksMax = 20;
constexpr Duration kAsksWithin = 10s;

std::optional<SocketAddress> listener_at(const std::string& link_address, uint16_t node) {
    auto address = SocketAddress::parse(link_address);
    if (!address || address->port > 65'535 - node) return std::nullopt;
    address->port = static_cast<uint16_t>(address->port + node);
    return address;
}

runtime::LinkSubject subject_of(const std::string& server, const std::string& link_address) {
    runtime::LinkSubject subject{server, {*IpAddress::parse("127.0.0.1")}};
    const auto address = SocketAddress::parse(link_address);
    if (address && !(address->ip == subject.addresses.front())) {
        subject.addresses.push_back(address->ip);
    }
    return subject;
}

}  // namespace

SiteDesk::SiteDesk(const Bootstrap& bootstrap, uint16_t node, Around around)
    : bootstrap_(bootstrap),
      node_(node),
      around_(std::move(around)),
      certificates_(bootstrap.data) {}

void SiteDesk::say(Level level, std::string text) {
    around_.say({level, std::move(text), {}, {}});
}

runtime::LinkSubject SiteDesk::subject() const {
    return subject_of(file_.name.empty() ? bootstrap_.name : file_.name, file_.link_address);
}

Result<void> SiteDesk::open(Now now) {
    now_ = now;
    const bool is_known = has_server_file(bootstrap_.data);
    file_ = TRY(read_server_file(bootstrap_.data));
    if (!is_known) file_.link_address = bootstrap_.link_address;
    neighbours_.self = file_;
    for (const auto& each : file_.neighbours) {
        neighbours_.others[each.node] = {each.server, each.address};
    }
    if (node_ == 1 && is_home()) TRY(certificates_.make_first(subject(), now.utc));
    const auto read = certificates_.follow();
    if (read.has_value()) return {};
    return make_error(read.error().code, "tls",
                      bootstrap_.data +
                          "/tls: the certificate of this server's links cannot be "
                          "used: " +
                          read.error().message);
}

void SiteDesk::start(runtime::NodeLinks& links, uint16_t store_node) {
    links_ = &links;
    if (!is_home()) links.add(file_.node);
    for (const auto& each : file_.neighbours) links.add(each.node, {each.server, each.address});
    if (file_.node == store_node && node_ != store_node) links.add(store_node);
    listening_ = listener_at(file_.link_address, node_);
    listen();
}

void SiteDesk::follow(Now now, const store::Catalog& catalog, const ports::Directory& directory) {
    now_ = now;
    const bool is_same =
        followed_ == catalog.revision() && followed_directory_ == directory.generation();
    if (is_same && vanishing_.empty()) return;
    followed_ = catalog.revision();
    followed_directory_ = directory.generation();
    Neighbours wanted = neighbours_of(catalog, directory, neighbours_, file_.node);
    keep_vanishing(wanted);
    if (!(wanted == neighbours_)) apply(wanted);
}

// A node that the layers have no more may have calls to finish, and says so in a moment.
void SiteDesk::keep_vanishing(Neighbours& wanted) {
    const auto is_wanted = [&](uint16_t node) {
        return wanted.others.contains(node) ||
               std::ranges::find(wanted.own, int{node}) != wanted.own.end();
    };
    std::erase_if(vanishing_, [&](const auto& each) { return is_wanted(each.first); });
    const auto stays = [&](uint16_t node) {
        return !is_wanted(node) &&
               now_.mono - vanishing_.try_emplace(node, now_.mono).first->second < kVanishing;
    };
    for (const int node : neighbours_.own) {
        if (stays(static_cast<uint16_t>(node))) wanted.own.push_back(node);
    }
    for (const auto& [node, place] : neighbours_.others) {
        if (stays(node)) wanted.others[node] = place;
    }
    std::erase_if(vanishing_, [&](const auto& each) { return !is_wanted(each.first); });
}

void SiteDesk::apply(const Neighbours& wanted) {
    const Neighbours former = std::exchange(neighbours_, wanted);
    for (const int node : wanted.own) links_->add(static_cast<uint16_t>(node));
    for (const auto& [node, place] : wanted.others) links_->add(node, place);
    for (const auto& [node, place] : former.others) {
        const bool stays = wanted.others.contains(node) ||
                           std::ranges::find(wanted.own, int{node}) != wanted.own.end();
        if (!stays) links_->forget(node);
    }
    for (const int node : former.own) {
        const auto number = static_cast<uint16_t>(node);
        const bool stays = std::ranges::find(wanted.own, node) != wanted.own.end();
        if (!stays && !wanted.others.contains(number)) links_->forget(number);
    }
    if (wanted.is_removed && !former.is_removed) {
        say(Level::Warn, "this server was removed from the system; stop its tandemd");
    }
    const auto address = listener_at(wanted.self.link_address, node_);
    if (address != listening_) {
        listening_ = address;
        listens_ = false;
        listen();
    }
    const bool is_renamed =
        !(wanted.self.name == file_.name && wanted.self.link_address == file_.link_address);
    if (is_home()) write_files(former);
    file_ = wanted.self;
    if (is_renamed) renew_at_ = {};
}

void SiteDesk::listen() {
    if (!listening_ || listens_) return;
    const auto opened = links_->listen_to_servers(*listening_);
    listens_ = opened.has_value();
    const std::string outcome = listens_
                                    ? "listening for other servers at " + listening_->text()
                                    : "cannot listen for other servers: " + opened.error().message;
    if (outcome == said_listener_) return;
    said_listener_ = outcome;
    say(listens_ ? Level::Info : Level::Error, outcome);
}

void SiteDesk::write_files(const Neighbours& former) {
    if (former.own != neighbours_.own) {
        const auto written = write_nodes_file(bootstrap_.data, neighbours_.own);
        if (!written.has_value()) say(Level::Error, written.error().message);
    }
    if (neighbours_.self == file_ && has_server_file(bootstrap_.data)) return;
    const auto written = write_server_file(bootstrap_.data, neighbours_.self);
    if (!written.has_value()) say(Level::Error, written.error().message);
}

void SiteDesk::look_after(Now now) {
    now_ = now;
    const auto read = certificates_.follow();
    if (!read.has_value()) {
        say(Level::Error,
            "the new certificate of this server's links is refused, the old one "
            "stays: " +
                read.error().message);
    } else if (*read) {
        say(Level::Info, "took up the new certificate of this server's links");
    }
    listen();
    std::erase_if(joining_, [&](const auto& each) { return each.second.until <= now.mono; });
    if (is_home() && renew_at_ <= now.mono) {
        renew_at_ = now.mono + kRenewal;
        renew(now);
    }
}

void SiteDesk::renew(Now now) {
    if (!certificates_.wants_renewal(subject(), now.utc)) return;
    const auto request = certificates_.request();
    if (!request.has_value()) return say(Level::Error, request.error().message);
    if (!certificates_.has_authority_key()) return links_->send_certificate_request({*request});
    const auto signed_one = certificates_.sign(*request, subject(), now.utc);
    const auto taken = signed_one.has_value() ? certificates_.take(*signed_one, now.utc)
                                              : Result<void>(signed_one.error());
    if (!taken.has_value()) {
        say(Level::Error,
            "the certificate of this server's links is not renewed: " + taken.error().message);
    }
}

// The link has shown whose node it is; its server gets the name that the layers give it.
void SiteDesk::on_certificate_request(uint16_t node, wire::CertificateRequest request) {
    const auto place = neighbours_.others.find(node);
    if (!certificates_.has_authority_key() || place == neighbours_.others.end()) return;
    const auto certificate = certificates_.sign(
        request.request, subject_of(place->second.server, place->second.address.text()), now_.utc);
    if (!certificate.has_value()) return say(Level::Warn, certificate.error().message);
    links_->send_certificate(node, {*certificate});
    say(Level::Info, "signed a new certificate for the server " + place->second.server);
}

void SiteDesk::on_certificate_reply(uint16_t, wire::CertificateReply reply) {
    // Several nodes may have answered.
    if (!is_home() || !certificates_.wants_renewal(subject(), now_.utc)) return;
    const auto taken = certificates_.take(reply.certificate, now_.utc);
    if (taken.has_value()) return;
    say(Level::Error,
        "the certificate of this server's links is not renewed: " + taken.error().message);
}

void SiteDesk::on_link_refused(const std::string& why) {
    if (why == refused_ && now_.mono < refused_said_ + kRefusalPause) return;
    refused_ = why;
    refused_said_ = now_.mono;
    say(Level::Warn, "link: " + why);
}

// ---- servers that join

void SiteDesk::send_away(uint64_t stranger, Error error) {
    wire::JoinReply reply;
    reply.version = kVersion;
    reply.joined.error = std::move(error);
    links_->answer_join(stranger, reply);
}

void SiteDesk::on_join(uint64_t stranger, ports::ServerJoin join) {
    if (now_.mono >= asks_since_ + kAsksWithin) {
        asks_since_ = now_.mono;
        asks_ = 0;
    }
    if (++asks_ > kAsksMax) {
        return send_away(stranger, make_error(ErrorCode::Unavailable, "",
                                              "too many ask to join: try again in 10 s"));
    }
    if (!certificates_.has_authority_key()) {
        return send_away(stranger, make_error(ErrorCode::Unavailable, "authority",
                                              "this server does not hold the key of the site's "
                                              "authority (tls/site_ca.key)"));
    }
    const auto store_role = around_.store_role();
    if (!store_role || joining_.size() >= kJoiningMax) {
        return send_away(stranger, make_error(ErrorCode::Unavailable, "",
                                              "the site cannot take in servers now: try again"));
    }
    // Before anything is written.
    const auto trial = certificates_.sign(join.request, {join.name, {}}, now_.utc);
    if (!trial.has_value()) return send_away(stranger, trial.error());
    const uint64_t request = ++requests_;
    around_.send({ports::host_of(node_), *store_role, request, join});
    joining_.emplace(request,
                     Joining{stranger, std::move(join), now_.mono + runtime::link_stranger_max});
}

void SiteDesk::on_answer(Now now, const ports::Letter& letter) {
    const auto found = joining_.find(letter.request);
    if (found == joining_.end()) return;
    const Joining asked = std::move(found->second);
    joining_.erase(found);
    const auto* joined = get_if<ports::ServerJoined>(&letter.payload);
    if (joined == nullptr) {
        return send_away(asked.stranger, make_error(ErrorCode::Unavailable, "",
                                                    "the store role cannot be reached: try again"));
    }
    if (joined->error) {
        say(Level::Warn, "a server that calls itself '" + asked.join.name.substr(0, 63) +
                             "' may not join: " + joined->error->message);
        return send_away(asked.stranger, *joined->error);
    }
    links_->answer_join(asked.stranger, welcome(now, asked.join, *joined));
}

wire::JoinReply SiteDesk::welcome(Now now, const ports::ServerJoin& join,
                                  ports::ServerJoined joined) {
    wire::JoinReply reply;
    reply.version = kVersion;
    reply.joined = std::move(joined);
    if (join.node == 0) return reply;  // only asked
    auto certificate =
        certificates_.sign(join.request, subject_of(join.name, join.link_address), now.utc);
    if (!certificate.has_value()) {
        reply.joined.error = certificate.error();
        return reply;
    }
    reply.certificate = std::move(*certificate);
    reply.authority = certificates_.authority();
    reply.site_key = read_secret(bootstrap_.data + "/site.key");
    reply.admin_token = read_secret(bootstrap_.data + "/admin.token");
    say(Level::Info, "the server " + join.name + " joined at " + join.link_address + ", node " +
                         std::to_string(join.node));
    return reply;
}

}  // namespace tandem::app
