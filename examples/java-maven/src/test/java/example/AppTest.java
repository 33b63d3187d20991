package example;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class AppTest {
  @Test
  public void somebodyIsGreetedByName() {
    assertEquals("{\"greeting\":\"hello, Ada\"}", App.greet("Ada"));
  }

  @Test
  public void nobodyIsTheWorld() {
    assertEquals("{\"greeting\":\"hello, world\"}", App.greet(""));
  }
}
