package example;

import com.google.gson.Gson;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** GET /greet/NAME answers with a greeting as JSON. */
public final class App {
  private static final String PATH = "/greet/";

  private App() {}

  static String greet(String name) {
    return new Gson().toJson(Map.of("greeting", "hello, " + (name.isEmpty() ? "world" : name)));
  }

  public static void main(String[] arguments) throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
    server.createContext(PATH, exchange -> {
      String name = exchange.getRequestURI().getPath().substring(PATH.length());
      byte[] answer = greet(name).getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.sendResponseHeaders(200, answer.length);
      exchange.getResponseBody().write(answer);
      exchange.close();
    });
    server.start();
  }
}
