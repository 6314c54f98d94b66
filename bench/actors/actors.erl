%% The scenarios of the benchmark `actors` on Erlang/OTP.
%%
%% erl -noshell -run actors main SCENARIO COUNT
%%
%% Prints one line: nanoseconds of processor time of the whole emulator, nanoseconds on the clock,
%% bytes of resident memory that the scenario added.
-module(actors).
-export([main/1]).

main([Scenario, Count]) ->
    N = list_to_integer(Count),
    %% What the first run of code costs is not what is compared.
    Work = prepare(Scenario),
    erlang:garbage_collect(),
    Resident = resident(),
    {Cpu, _} = erlang:statistics(runtime),
    Wall = erlang:monotonic_time(nanosecond),
    Work(N),
    {CpuAfter, _} = erlang:statistics(runtime),
    WallAfter = erlang:monotonic_time(nanosecond),
    io:format("~b ~b ~b~n", [(CpuAfter - Cpu) * 1000000, WallAfter - Wall, max(0, resident() - Resident)]),
    halt().

%% Makes the actors of a scenario; gives what is measured, which takes the number of messages or actors.
prepare("ping-pong") ->
    Main = self(),
    Work = fun(N) ->
        Pong = spawn(fun() -> bounce(undefined) end),
        Ping = spawn(fun() -> bounce(Pong) end),
        Pong ! {peer, Ping},
        Ping ! {limit, N, Main},
        Ping ! {ball, 0},
        receive done -> ok end
    end,
    Work(100000),
    Work;
prepare("ring") ->
    Main = self(),
    Last = spawn(fun() -> receive {next, Pid} -> link_of_ring(Pid) end end),
    First = lists:foldl(fun(_, Next) -> spawn(fun() -> link_of_ring(Next) end) end, Last, lists:seq(2, 1000)),
    Last ! {next, First},
    Work = fun(N) -> First ! {token, 0, N, Main}, receive done -> ok end end,
    Work(100000),
    Work;
prepare("flood") ->
    Main = self(),
    Work = fun(N) ->
        Sink = spawn(fun() -> sink(0, N, Main) end),
        spawn(fun() -> flood(Sink, N) end),
        receive done -> ok end
    end,
    Work(100000),
    Work;
prepare("spawn") ->
    Work = fun(N) ->
        Before = erlang:system_info(process_count),
        spawn_brief(N),
        settle(Before)
    end,
    Work(20000),
    Work;
prepare("idle") ->
    fun(N) -> put(idle, [spawn(fun idle/0) || _ <- lists:seq(1, N)]), erlang:yield() end;
prepare("round-robin") ->
    Callers = [spawn(fun() ->
        Workers = [spawn(fun() -> worker(0) end) || _ <- lists:seq(1, 500)],
        receive {next, Next} -> caller(Workers, Next) end
    end) || _ <- lists:seq(1, 20)],
    Main = self(),
    [First | Others] = Callers,
    lists:zipwith(fun(Caller, Next) -> Caller ! {next, Next} end, Callers, Others ++ [First]),
    Work = fun(N) -> First ! {turn, N div 500, Main}, receive done -> ok end end,
    Work(20000),
    Work;
prepare("broadcast") ->
    Main = self(),
    Publisher = spawn(fun() ->
        Self = self(),
        Many = [spawn(fun() -> subscriber(0) end) || _ <- lists:seq(1, 9999)],
        publisher([spawn(fun() -> closer(Self) end) | Many])
    end),
    Work = fun(N) -> Publisher ! {start, N div 10000, Main}, receive done -> ok end end,
    Work(20000),
    Work.

bounce(Peer) ->
    receive
        {peer, Pid} -> bounce(Pid);
        {ball, N} -> Peer ! {ball, N + 1}, bounce(Peer);
        {limit, Limit, Main} -> bounce(Peer, Limit, Main)
    end.

bounce(Peer, Limit, Main) ->
    receive
        {ball, N} when N >= Limit -> Main ! done;
        {ball, N} -> Peer ! {ball, N + 1}, bounce(Peer, Limit, Main)
    end.

link_of_ring(Next) ->
    receive
        {token, N, Limit, Main} when N >= Limit -> Main ! done, link_of_ring(Next);
        {token, N, Limit, Main} -> Next ! {token, N + 1, Limit, Main}, link_of_ring(Next)
    end.

sink(Limit, Limit, Main) -> Main ! done;
sink(Count, Limit, Main) -> receive {item, _} -> sink(Count + 1, Limit, Main) end.

flood(_, 0) -> ok;
flood(Sink, Left) -> Sink ! {item, Left}, flood(Sink, Left - 1).

spawn_brief(0) -> ok;
spawn_brief(Left) -> spawn(fun() -> ok end), spawn_brief(Left - 1).

%% Until all that were spawned have ended.
settle(Before) ->
    case erlang:system_info(process_count) =< Before of
        true -> ok;
        false -> erlang:yield(), settle(Before)
    end.

idle() -> receive stop -> ok end.

worker(Sum) -> receive {ball, N} -> worker(Sum + N) end.

caller(Workers, Next) ->
    receive
        {turn, 0, Main} -> Main ! done, caller(Workers, Next);
        {turn, Left, Main} ->
            tell(Workers, Left),
            Next ! {turn, Left - 1, Main},
            caller(Workers, Next)
    end.

tell([], _) -> ok;
tell([Worker | Others], N) -> Worker ! {ball, N}, tell(Others, N).

subscriber(Sum) -> receive {news, N} -> subscriber(Sum + N) end.

closer(Publisher) -> receive {news, _} -> Publisher ! read, closer(Publisher) end.

publisher(Subscribers) ->
    receive {start, Rounds, Main} -> publish(Subscribers, Rounds), Main ! done, publisher(Subscribers) end.

publish(_, 0) -> ok;
publish(Subscribers, Left) ->
    news(Subscribers, Left),
    receive read -> publish(Subscribers, Left - 1) end.

news([], _) -> ok;
news([Subscriber | Others], N) -> Subscriber ! {news, N}, news(Others, N).

resident() ->
    {ok, File} = file:open("/proc/self/statm", [read]),
    {ok, Line} = file:read_line(File),
    file:close(File),
    [_, Pages | _] = string:lexemes(Line, " "),
    list_to_integer(Pages) * 4096.
