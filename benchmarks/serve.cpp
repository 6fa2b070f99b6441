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
    i64 mixes;
};

struct Replica {
    double busy, compute_seconds, memory_seconds, batch_seconds;
    i64 iterations, prefill_tokens, decode_tokens, peak;
    double start, base, compute, compute_slope, memory, memory_slope;
    i64 length, chunk, completing, partial, decoding, emitting, running, load, held, promised, resident;
    i64 decoded, head = -1, tail = -1, done, due, first = -1, last = -1;
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
    Tournament<double> end;
    Tournament<i64> load;

    static i64 leaves(i64 count) {
        i64 size = 1;
        while (size < count) size *= 2;
        return size;
    }

    Pool(std::vector<Request>& r, const Service& s, const std::vector<double>& w, i64 count)
        : requests(r), service(s), weights(w), n(r.size()), width(std::min(s.max_batch, n)),
          replicas(count, Replica{}), heap(count * width), end(leaves(count), INF),
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
        if (run.completing == 0) run.done += steps * run.chunk;
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
        for (i64 k = 0; k < run.completing; k++) {
            i64 i = run.head;
            Request& request = requests[i];
            run.head = request.following;
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
        if (run.completing > 0 && run.head >= 0)
            run.done = run.partial > 0 ? run.partial : requests[run.head].cached;
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
            if (run.head < 0) {
                run.head = i;
                run.done = requests[i].cached;
            } else {
                requests[run.tail].following = i;
            }
            run.tail = i;
        }
        run.peak = std::max(run.peak, run.held);
        compose(run, mine[0] / n);
    }

    void compose(Replica& run, i64 last_step) {
        i64 count = run.decoding, resident = run.resident, i = run.head;
        if (service.mixes == 0 && i >= 0) count = resident = 0;
        i64 left = service.token_budget - count;
        i64 length = count > 0 ? last_step - run.decoded : 0;
        i64 chunk = 0, completing = 0, partial = 0;
        i64 pairs = resident + count, pair_slope = count;
        if (i >= 0) {
            i64 rest = requests[i].prompt - run.done;
            if (rest > left) {
                i64 steps = (rest - 1) / left;
                length = count > 0 ? std::min(length, steps) : steps;
                chunk = left;
                pairs += chunk * run.done + chunk * (chunk + 1) / 2;
                pair_slope += chunk * chunk;
            } else {
                i64 done = run.done;
                length = 1;
                while (left > 0 && i >= 0) {
                    i64 take = std::min(left, requests[i].prompt - done);
                    pairs += take * done + take * (take + 1) / 2;
                    chunk += take;
                    left -= take;
                    if (done + take < requests[i].prompt) {
                        partial = done + take;
                    } else {
                        completing++;
                        i = requests[i].following;
                        done = i >= 0 ? requests[i].cached : 0;
                    }
                }
            }
        }
        i64 tokens = count + chunk;
        run.length = length;
        run.chunk = chunk;
        run.completing = completing;
        run.partial = partial;
        run.emitting = count;
        run.base = service.fixed + service.wire * tokens;
        run.compute =
            service.compute_offset + service.per_token * tokens + service.per_pair * pairs;
        run.compute_slope = service.per_pair * pair_slope;
        run.memory = weights[tokens] +
                     (service.per_kv_token * resident + service.per_sequence * count);
        run.memory_slope = service.per_kv_token * count;
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
