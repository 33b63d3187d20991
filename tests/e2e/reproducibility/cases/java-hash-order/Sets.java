import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

public class Sets {
    public static void main(String[] words) throws Exception {
        Set<String> beans = Set.of("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu");
        Files.write(Path.of("/beans.txt"), beans);
    }
}
