#include "app/parent/etcd_supervision.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "app/config/durable_file.h"

namespace tandem::app {
namespace {

// A step of the membership is a round trip or two; one after the other is soon enough.
constexpr auto kApproach = std::chrono::milliseconds(300);

}  // namespace

EtcdSupervision::EtcdSupervision(runtime::Reactor& reactor, const Bootstrap& bootstrap)
    : reactor_(reactor), bootstrap_(bootstrap), approaching_(reactor) {}

EtcdSupervision::~EtcdSupervision() = default;

void EtcdSupervision::say(const std::string& what) {
    if (what.empty() || what == said_) return;
    said_ = what;
    std::fprintf(stderr, "tandemd: %s\n", what.c_str());
}

runtime::EtcdTlsFiles EtcdSupervision::tls() const {
    return {cluster_->tls_ca, cluster_->tls_certificate, cluster_->tls_key};
}

bool EtcdSupervision::was_member() const {
    std::error_code error;
    return std::filesystem::exists(bootstrap_.data + "/etcd.founded", error) ||
           std::filesystem::exists(bootstrap_.data + "/etcd/member", error);
}

// True when it says something new.
bool EtcdSupervision::read_file() {
    std::string stamp = file_stamp(bootstrap_.data + "/etcd.toml");
    if (stamp == stamp_) return false;
    stamp_ = std::move(stamp);
    auto read = load_etcd_cluster(bootstrap_.data);
    if (!read.has_value()) {
        say(read.error().message);
        return false;
    }
    if (*read == cluster_) return false;
    cluster_ = std::move(*read);
    return true;
}

void EtcdSupervision::follow() {
    if (ending_ || (!read_file() && !again_)) return;
    again_ = false;
    membership_.reset();
    under_way_ = false;
    const EtcdServerEntry* own = cluster_ ? cluster_->find(bootstrap_.name) : nullptr;
    if (own == nullptr) return end_member();
    if (member_ && !(running_ == *own)) {  // it is to listen elsewhere
        again_ = true;
        return end_member();
    }
    run_member();
    auto opened = runtime::EtcdMembership::open(reactor_, cluster_->endpoints(), tls(), tls());
    if (!opened.has_value()) return say("etcd: " + opened.error().message);
    membership_ = std::move(*opened);
    approaching_.arm_every(kApproach, [this] { approach(); });
}

// The founder begins alone, whoever has been a member goes on, and all others wait to be added:
// also a founder that has come back with nothing.
void EtcdSupervision::run_member() {
    if (member_) return;
    const bool founds =
        cluster_->founder == bootstrap_.name && (cluster_->servers.size() == 1 || was_member());
    if (!founds && !was_member()) return;
    using Begin = runtime::EtcdMemberSpec::Begin;
    start_member(founds ? Begin::Found : Begin::Join,
                 {{bootstrap_.name, cluster_->find(bootstrap_.name)->peer}});
}

void EtcdSupervision::start_member(runtime::EtcdMemberSpec::Begin begin,
                                   std::vector<runtime::EtcdPeer> members) {
    const EtcdServerEntry& own = *cluster_->find(bootstrap_.name);
    running_ = own;
    runtime::EtcdMemberSpec spec;
    spec.name = own.name;
    spec.data_directory = bootstrap_.data + "/etcd";
    spec.program = bootstrap_.etcd.program;
    spec.client_address = own.client;
    spec.peer_address = own.peer;
    spec.members = std::move(members);
    spec.begin = begin;
    spec.cluster_token = cluster_->token;
    spec.client_tls = spec.peer_tls = tls();
    member_ =
        std::make_unique<runtime::EtcdMember>(reactor_, bootstrap_.data + "/run", std::move(spec));
    member_->on_change([this] { on_member_change(); });
    const auto started = member_->start();
    if (!started.has_value()) say(started.error().message);
}

void EtcdSupervision::on_member_change() {
    if (member_) say(member_->problem());  // one that is being ended says nothing more
}

void EtcdSupervision::end_member() {
    approaching_.cancel();
    if (!member_) return;
    ending_ = std::move(member_);
    ending_->stop([this] { reactor_.post([this] { ending_.reset(); }); });
}

std::vector<runtime::EtcdServer> EtcdSupervision::wished() const {
    std::vector<runtime::EtcdServer> list;
    for (const EtcdServerEntry& server : cluster_->servers) {
        const bool is_lost = is_lost_ && server.name == bootstrap_.name;
        list.push_back(
            {server.name, server.peer, runtime::Health::Up,
             is_lost ? runtime::PlanServer::Data::Lost : runtime::PlanServer::Data::Kept});
    }
    return list;
}

// What a member alone has lost nobody can bring back: it stays as it is, and an operator decides.
// Where there are others, it is begun anew from them.
void EtcdSupervision::approach() {
    if (under_way_ || !membership_ || cluster_->servers.size() < 2) return;
    const auto state = member_ ? member_->state() : runtime::EtcdMemberState::Stopped;
    const bool is_unusable =
        state == runtime::EtcdMemberState::Damaged || state == runtime::EtcdMemberState::Removed;
    if (is_unusable && member_->pid() == 0) {
        (void)member_->lay_data_aside();
        member_.reset();
        is_lost_ = true;
    }
    under_way_ = true;
    membership_->approach(wished(), [this](Result<runtime::EtcdMembership::Progress> progress) {
        under_way_ = false;
        on_progress(progress);
    });
}

void EtcdSupervision::on_progress(const Result<runtime::EtcdMembership::Progress>& progress) {
    if (!progress.has_value()) return;
    const runtime::MemberStep& step = progress->step;
    using Kind = runtime::MemberStep::Kind;
    if (step.kind == Kind::Remove) {
        if (step.name == bootstrap_.name) is_lost_ = false;
        say("etcd member of server " + step.name + " is taken out of the cluster");
    }
    if (step.kind == Kind::AddLearner) say("etcd member of server " + step.name + " is added");
    if (step.kind == Kind::Promote) say("etcd member of server " + step.name + " votes now");
    const bool is_added = std::ranges::any_of(
        progress->members, [this](const auto& member) { return member.name == bootstrap_.name; });
    if (!is_added) {
        is_lost_ = false;  // it is out, by whoever's hand
        return;
    }
    if (!member_ && !is_lost_)
        start_member(runtime::EtcdMemberSpec::Begin::Join, progress->members);
}

void EtcdSupervision::stop(std::move_only_function<void()> stopped) {
    approaching_.cancel();
    membership_.reset();
    if (!member_) return stopped();
    member_->stop(std::move(stopped));
}

}  // namespace tandem::app
