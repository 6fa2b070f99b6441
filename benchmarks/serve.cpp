// The loop of computesim/sim/kernels without extras, by hand in C++: what a compiled language
// makes of the same algorithm on the same arrays. bench_kernels.py builds and runs it.
//
//   serve REQUESTS SERVICE WEIGHTS FINISH REPLICAS RUNS
//
// reads records.REQUEST, service.SERVICE and float64, plays them RUNS times on REPLICAS replicas
// with shortest-queue routing, writes the finish times as float64 and prints the shortest seconds.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <vector>

using i64 = std::int64_t;
const double INF = std::numeric_limits<double>::infinity();

struct Request {  // records.REQUEST
    double arrival, first, finish;
    std::int32_t prompt, cached, output, generated, replica, stage;
    std::int16_t priority, state;
    std::int32_t following, older, newer;
};
static_assert(sizeof(Request) == 64);

struct Service {  // service.SERVICE
    double fixed, wire, compute_offset, per_token, per_pair, per_kv_token, per_sequence;
    i64 kv_capacity, max_batch, token_budget, block, when_full, watermark;
    double swap;
    i64 groups, stages;
    double per_shared_token;
    i64 prompt_gap;
    i64 mixes;
};

struct Replica {
    double busy, compute_seconds, memory_seconds, batch_seconds;
    i64 iterations, prefill_tokens, decode_tokens, peak;
    double start, base, compute, compute_slope, memory, memory_slope;
    i64 length, chunk, completing, reads, since, room, decoding, emitting, running, load, held;
    i64 promised, resident, decoded, head = -1, tail = -1, due, first = -1, last = -1;
};

static double series(double level, double slope, double count) {
    return count * level + slope * (0.5 * (count * (count - 1.0)));
}

static double elapsed(const Replica& run, i64 steps) {
    if (steps == 0) return 0.0;
    double upper = run.compute, upper_slope = run.compute_slope;
    double lower = run.memory, lower_slope = run.memory_slope;
    if (lower > upper) {
        std::swap(upper, lower);
        std::swap(upper_slope, lower_slope);
    }
    double count = double(steps), split = count;
    if (upper + upper_slope * (count - 1.0) < lower + lower_slope * (count - 1.0))
        split = std::floor((upper - lower) / (lower_slope - upper_slope)) + 1.0;
    double seconds = count * run.base + series(upper, upper_slope, split);
    if (split < count) seconds += series(lower + lower_slope * split, lower_slope, count - split);
    return seconds;
}

static i64 steps_until(const Replica& run, double time) {
    i64 early = 0, late = run.length;
    while (late - early > 1) {
        i64 middle = (early + late) / 2;
        if (run.start + elapsed(run, middle) < time) early = middle;
        else late = middle;
    }
    return late;
}

template <class Key>
struct Tournament {
    std::vector<Key> key;
    std::vector<i64> tree;
    Tournament(i64 leaves, Key empty) : key(leaves, empty), tree(2 * leaves) {
        for (i64 node = 0; node < 2 * leaves; node++) tree[node] = node % leaves;
    }
    void set(i64 leaf, Key value) {
        key[leaf] = value;
        for (i64 node = (leaf + i64(key.size())) / 2; node > 0; node /= 2) {
            i64 left = tree[2 * node], right = tree[2 * node + 1];
            tree[node] = key[left] <= key[right] ? left : right;
        }
    }
    i64 best() const { return tree[1]; }
};

static void push(i64* heap, i64 size, i64 value) {
    i64 hole = size;
    while (hole > 0 && heap[(hole - 1) / 2] > value) {
        heap[hole] = heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    heap[hole] = value;
}

static void pop(i64* heap, i64 size) {
    i64 value = heap[size - 1], hole = 0, child = 1;
    while (child < size - 1) {
        if (child + 1 < size - 1 && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= value) break;
        heap[hole] = heap[child];
        hole = child;
        child = 2 * child + 1;
    }
    heap[hole] = value;
}

struct Pool {
    std::vector<Request>& requests;
    const Service& service;
    const std::vector<double>& weights;
    i64 n, width;
    std::vector<Replica> replicas;
    std::vector<i64> heap, due;
    std::vector<std::int32_t> done;
    Tournament<double> end;
    Tournament<i64> load;

    static i64 leaves(i64 count) {
        i64 size = 1;
        while (size < count) size *= 2;
        return size;
    }

    Pool(std::vector<Request>& r, const Service& s, const std::vector<double>& w, i64 count)
        : requests(r), service(s), weights(w), n(r.size()), width(std::min(s.max_batch, n)),
          replicas(count, Replica{}), heap(count * width), done(n), end(leaves(count), INF),
          load(leaves(count), std::numeric_limits<i64>::max()) {
        for (i64 k = 0; k < count; k++) load.set(k, 0);
    }

    i64 taken(i64 i) const {
        i64 tokens = requests[i].prompt + requests[i].output, block = service.block;
        return block == 1 ? tokens : (tokens + block - 1) / block * block;
    }

    void settle(Replica& run, i64 steps) {
        double seconds = elapsed(run, steps);
        run.busy += seconds;
        run.batch_seconds += run.running * seconds;
        run.compute_seconds += series(run.compute, run.compute_slope, double(steps));
        run.memory_seconds += series(run.memory, run.memory_slope, double(steps));
        run.iterations += steps;
        run.prefill_tokens += steps * run.chunk;
        run.decode_tokens += steps * run.emitting;
        if (run.emitting > 0) run.decoded += steps;
        run.resident += steps * run.emitting;
    }

    void leave(Replica& run, i64 i, double now) {
        run.held -= taken(i);
        run.running--;
        run.load--;
        run.promised -= taken(i);
        requests[i].generated = requests[i].output;
        requests[i].finish = now;
    }

    i64 deliver(Replica& run, i64* mine, double now) {
        i64 finished = 0;
        while (run.decoding > 0 && mine[0] / n == run.decoded) {
            i64 i = mine[0] % n;
            pop(mine, run.decoding);
            run.decoding--;
            run.resident -= requests[i].prompt + requests[i].output - 1;
            leave(run, i, now);
            finished++;
        }
        i64 most = run.room * service.stages, left = most * service.groups;
        i64 before = -1, behind = run.head;
        run.since = run.reads > 0 ? 0 : run.since + run.length;
        for (i64 k = 0; k < run.reads; k++) {
            i64 i = behind;
            Request& request = requests[i];
            behind = request.following;
            i64 rest = request.prompt - done[i], take = std::min({rest, most, left});
            left -= take;
            if (take < rest) {
                done[i] += take * run.length;
                before = i;
                continue;
            }
            if (before < 0) run.head = behind;
            else requests[before].following = behind;
            if (behind < 0) run.tail = before;
            request.first = now;
            if (request.output == 1) {
                leave(run, i, now);
                finished++;
                continue;
            }
            request.generated = 1;
            push(mine, run.decoding, (run.decoded + request.output - 1) * n + i);
            run.decoding++;
            run.resident += request.prompt;
        }
        return finished;
    }

    bool join(Replica& run, i64 i) {
        run.promised += taken(i);
        run.load++;
        requests[i].following = -1;
        bool first_in_line = run.first < 0;
        if (first_in_line) run.first = i;
        else requests[run.last].following = i;
        run.last = i;
        return first_in_line && run.held + taken(i) <= service.kv_capacity &&
               run.running < service.max_batch;
    }

    void begin(Replica& run, i64* mine) {
        while (run.running < service.max_batch && run.first >= 0) {
            i64 i = run.first;
            if (run.held + taken(i) > service.kv_capacity) break;
            run.first = requests[i].following;
            requests[i].following = -1;
            run.held += taken(i);
            run.running++;
            done[i] = requests[i].cached;
            if (run.head < 0) run.head = i;
            else requests[run.tail].following = i;
            run.tail = i;
        }
        run.peak = std::max(run.peak, run.held);
        compose(run, mine[0] / n);
    }

    void compose(Replica& run, i64 last_step) {
        i64 count = run.decoding, i = run.head, parts = service.groups * service.stages;
        i64 wait = 0;
        if (count > 0 && i >= 0 && run.since < service.prompt_gap && done[i] == requests[i].cached) {
            wait = service.prompt_gap - run.since;
            i = -1;
        } else if (service.mixes == 0 && i >= 0) {
            count = 0;
        }
        i64 budget = service.token_budget / parts, decoding = (count + parts - 1) / parts;
        i64 room = std::max(budget - decoding, i64(1));
        i64 most = room * service.stages, left = room * parts;
        i64 length = count > 0 ? last_step - run.decoded : 0;
        if (wait > 0) length = std::min(length, wait);
        i64 reads = 0, completing = 0, chunk = 0, pairs = 0, longest = 0, chunks = 1;
        while (left > 0 && i >= 0) {
            i64 rest = requests[i].prompt - done[i], take = std::min({rest, most, left});
            pairs += take * done[i] + take * (take + 1) / 2;
            longest = std::max(longest, std::min(take, room));
            chunk += take;
            left -= take;
            reads++;
            if (take == rest) {
                completing++;
                chunks = std::max(chunks, (take + room - 1) / room);
            } else {
                i64 steps = (rest - 1) / take;
                length = length > 0 ? std::min(length, steps) : steps;
            }
            i = requests[i].following;
        }
        i64 pace = longest;
        if (chunk > 0) {
            pace = std::max(longest, (chunk + parts - 1) / parts);
            pairs = pairs * pace / chunk;
        }
        if (completing > 0) length = 1;
        run.length = length;
        run.chunk = chunk;
        run.room = room;
        run.completing = completing;
        run.reads = reads;
        run.emitting = count;
        i64 tokens = decoding + pace, resident = 0;
        if (count > 0) resident = run.resident * decoding / count;
        double spread = std::max(double(pace), double(chunk) / service.stages);
        double shared = double(count) / parts + spread / service.groups;
        pairs += resident + decoding;
        run.base = service.fixed + service.wire * tokens;
        run.compute = service.compute_offset + service.per_token * tokens +
                      service.per_shared_token * shared + service.per_pair * pairs;
        i64 pair_slope = decoding;
        if (completing == 0 && reads > 0) pair_slope += most * pace;
        run.compute_slope = service.per_pair * pair_slope;
        run.memory = multiplications(tokens, shared, budget) +
                     (service.per_kv_token * resident + service.per_sequence * decoding);
        run.memory_slope = service.per_kv_token * decoding;
        if (chunks > 1 && completing == reads && i < 0)
            run.base += double(chunks - 1) / service.stages *
                        (run.base + std::max(run.compute, run.memory));
    }

    double multiplications(i64 tokens, double shared, i64 budget) const {
        i64 index = std::min(tokens, budget);
        double seconds = weights[index];
        if (service.groups > 1) {
            const double* experts = &weights[budget + 1];
            i64 below = std::min(i64(shared), budget - 1);
            double between = (shared - below) * (experts[below + 1] - experts[below]);
            seconds += experts[below] + between - experts[index];
            seconds = std::max(seconds, experts[budget + 1 + index]);
        }
        return seconds;
    }

    void mark(i64 r) {
        if (!replicas[r].due) {
            replicas[r].due = 1;
            due.push_back(r);
        }
    }

    void play() {
        i64 arrived = 0, finished = 0;
        while (finished < n) {
            double now = end.key[end.best()];
            if (arrived < n) now = std::min(now, requests[arrived].arrival);
            due.clear();
            while (end.key[end.best()] == now) {
                i64 r = end.best();
                settle(replicas[r], replicas[r].length);
                finished += deliver(replicas[r], &heap[r * width], now);
                load.set(r, replicas[r].load);
                end.set(r, INF);
                mark(r);
            }
            for (; arrived < n && requests[arrived].arrival <= now; arrived++) {
                i64 r = load.best();
                Replica& run = replicas[r];
                requests[arrived].replica = r;
                bool admissible = join(run, arrived);
                load.set(r, run.load);
                if (end.key[r] == INF) {
                    mark(r);
                } else if (admissible && run.length > 1) {
                    run.length = steps_until(run, now);
                    end.set(r, run.start + elapsed(run, run.length));
                }
            }
            for (i64 r : due) {
                Replica& run = replicas[r];
                run.due = 0;
                begin(run, &heap[r * width]);
                if (run.length > 0) {
                    run.start = now;
                    end.set(r, now + elapsed(run, run.length));
                }
            }
        }
    }
};

template <class T>
static std::vector<T> read(const char* path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) {
        std::fprintf(stderr, "cannot read %s\n", path);
        std::exit(2);
    }
    std::vector<T> found(file.tellg() / sizeof(T));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(found.data()), found.size() * sizeof(T));
    return found;
}

int main(int argc, char** argv) {
    if (argc != 7) {
        std::fprintf(stderr, "usage: serve REQUESTS SERVICE WEIGHTS FINISH REPLICAS RUNS\n");
        return 2;
    }
    const auto given = read<Request>(argv[1]);
    const auto service = read<Service>(argv[2]);
    const auto weights = read<double>(argv[3]);
    double best = INF;
    std::vector<Request> requests;
    for (int run = 0; run < std::atoi(argv[6]); run++) {
        requests = given;
        auto begin = std::chrono::steady_clock::now();
        Pool(requests, service[0], weights, std::atoll(argv[5])).play();
        std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
        best = std::min(best, seconds.count());
    }
    std::ofstream file(argv[4], std::ios::binary);
    for (const Request& request : requests)
        file.write(reinterpret_cast<const char*>(&request.finish), sizeof(double));
    std::printf("%.9f\n", best);
}
